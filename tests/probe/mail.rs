//! Mail servers: Postfix, nginx in front of one, and servers that never come to an end.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use watari::timeline::Verdict;
use watari::timeline::plan::probe::Look;

use crate::nginx::{Nginx, shows};
use crate::support::certificates::{Authority, Pair};
use crate::support::peer::free_address;
use crate::support::program::{self, Running};
use crate::{Fake, NOWHERE, PATIENT, SHORT, assert_fails, assert_unknown, look_within};

const MX: &str = "mx.child.example";
/// Where Debian keeps Postfix's own programs.
const POSTFIX_MASTER: &str = "/usr/lib/postfix/sbin/master";

fn smtp(address: SocketAddr, name: Option<&str>, banner: Option<&str>, ca: Option<String>) -> Look {
    Look::Smtp { address, name: name.map(str::to_owned), banner: banner.map(str::to_owned), ca }
}

fn front(certificate: &Pair) -> Nginx {
    Nginx::mail(&format!("starttls on; smtp_greeting_delay 0; {}", shows(certificate)))
}

/// Postfix over a folder of its own.
struct Postfix {
    address: SocketAddr,
    running: Running,
    folder: tempfile::TempDir,
}

impl Postfix {
    fn start(certificate: Option<&Pair>) -> Postfix {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        let path = folder.path().display().to_string();
        let tls = certificate.map_or_else(String::new, |pair| {
            let (certificate, key) = (pair.certificate.display(), pair.key.display());
            format!("smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {certificate}\nsmtpd_tls_key_file = {key}\n")
        });
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {path}/queue\ndata_directory = {path}/data\n\
             myhostname = {MX}\nmydestination =\nlocal_recipient_maps =\nalias_maps =\nalias_database =\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nsmtpd_relay_restrictions = reject\n\
             maillog_file = {path}/maillog\nmaillog_file_prefixes = {path}\n{tls}"
        );
        let services = format!(
            "{address} inet n - n - - smtpd\npostlog unix-dgram n - n - 1 postlogd\ntlsmgr unix - - n 1000? 1 tlsmgr\n\
             anvil unix - - n - 1 anvil\nrewrite unix - - n - - trivial-rewrite\nproxymap unix - - n - - proxymap\n"
        );
        std::fs::write(folder.path().join("main.cf"), main).unwrap();
        std::fs::write(folder.path().join("master.cf"), services).unwrap();
        // Its processes are of its own user, and look for each other here.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        for (name, owner) in [
            ("queue", None),
            ("queue/pid", None),
            ("queue/private", Some("postfix")),
            ("queue/public", Some("postfix:postdrop")),
            ("data", Some("postfix")),
        ] {
            let made = folder.path().join(name);
            std::fs::create_dir(&made).unwrap();
            if let Some(owner) = owner {
                program::must_run("chown", folder.path(), &[owner, &made.display().to_string()]);
            }
        }
        let mut command = Command::new(POSTFIX_MASTER);
        command.args(["-d", "-c", &path]);
        let running = Running::start("Postfix", command, folder.path().join("log"));
        let postfix = Postfix { address, running, folder };
        postfix.running.until("it accepts", || TcpStream::connect(address).is_ok());
        postfix
    }

    fn log(&self) -> String {
        self.running.log() + &std::fs::read_to_string(self.folder.path().join("maillog")).unwrap_or_default()
    }
}

/// Whether Postfix can run: it wants to be root, to give that up.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[test]
fn postfix_passes_with_a_certificate_for_its_name_and_fails_with_another() {
    if !is_root() {
        eprintln!("Postfix runs for root only, and is left out");
        return;
    }
    assert!(Path::new(POSTFIX_MASTER).exists(), "Postfix is not installed; install it with: apt-get install postfix");
    let authority = Authority::new();
    let postfix = Postfix::start(Some(&authority.issue(MX)));
    let look = |name, banner| look_within(PATIENT, smtp(postfix.address, name, banner, authority.ca()));
    assert_eq!(look(Some(MX), Some(MX)), Verdict::Pass, "{}", postfix.log());
    assert_fails(&look(Some("mail.example"), None), &["is for mx.child.example, not for mail.example", "issue one"]);
    drop(postfix);
    let plain = Postfix::start(None);
    assert_eq!(look_within(PATIENT, smtp(plain.address, None, Some("ESMTP"), None)), Verdict::Pass);
    let verdict = look_within(PATIENT, smtp(plain.address, Some(MX), None, authority.ca()));
    assert_fails(&verdict, &["offers no STARTTLS", "switch TLS on", "with a certificate for mx.child.example"]);
}

#[test]
fn a_right_certificate_over_starttls_passes() {
    let authority = Authority::new();
    let server = front(&authority.issue(MX));
    let look = |banner| look_within(PATIENT, smtp(server.address, Some(MX), banner, authority.ca()));
    assert_eq!(look(None), Verdict::Pass);
    assert_eq!(look(Some("mx.example ESMTP")), Verdict::Pass);
    assert_fails(&look(Some("mx2.example")), &["without `mx2.example`", "is it the server that is meant?"]);
}

#[test]
fn a_wrong_certificate_over_starttls_fails_as_over_https() {
    let authority = Authority::new();
    let look = |pair: &Pair| {
        let server = front(pair);
        look_within(PATIENT, smtp(server.address, Some(MX), None, authority.ca()))
    };
    assert_fails(
        &look(&authority.issue("old.example")),
        &["is for old.example, not for mx.child.example", "issue one"],
    );
    assert_fails(&look(&authority.issue_expired(MX)), &["expired 2021-02-03", "renew it"]);
    assert_fails(&look(&authority.self_signed(MX)), &["is signed by itself"]);
}

#[test]
fn a_server_without_starttls_fails_only_if_it_is_asked_for() {
    let server = Nginx::mail("starttls off; smtp_greeting_delay 0;");
    assert_eq!(look_within(PATIENT, smtp(server.address, None, None, None)), Verdict::Pass);
    let verdict = look_within(PATIENT, smtp(server.address, Some(MX), None, None));
    assert_fails(&verdict, &["offers no STARTTLS", "switch TLS on"]);
}

#[test]
fn a_server_that_turns_us_away_fails_with_its_own_words() {
    let server = Fake::once(b"554-not you\r\n554 go \x1b[2Jaway\r\n");
    let verdict = look_within(PATIENT, smtp(server.address, None, None, None));
    assert_fails(&verdict, &["`554 not you go \u{fffd}[2Jaway`", "accept connections from here"]);
    let server = Fake::once(b"220 a\r\n502 no EHLO\r\n");
    assert_fails(&look_within(PATIENT, smtp(server.address, None, None, None)), &["answers EHLO with `502 no EHLO`"]);
    let server = Fake::once(b"220 a\r\n250-a\r\n250 starttls\r\n454 later\r\n");
    let verdict = look_within(PATIENT, smtp(server.address, Some(MX), None, None));
    assert_fails(&verdict, &["offers STARTTLS and answers it with `454 later`", "read its certificate and key?"]);
}

#[test]
fn what_was_said_before_the_handshake_is_not_taken_for_what_comes_after_it() {
    let server = Fake::once(b"220 a\r\n250-a\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n");
    let verdict = look_within(PATIENT, smtp(server.address, Some(MX), None, None));
    assert_fails(&verdict, &["says more than it should before the TLS handshake"]);
}

#[test]
fn what_is_no_mail_server_fails() {
    let ssh = Fake::once(b"SSH-2.0-nonsense\r\n");
    let verdict = look_within(PATIENT, smtp(ssh.address, None, None, None));
    assert_fails(&verdict, &["`SSH-2.0-nonsense`, which no mail server does", "is it the right port?"]);
    let octets = Fake::once(b"\xff\xfe\x80\r\n");
    assert_fails(&look_within(PATIENT, smtp(octets.address, None, None, None)), &["which no mail server does"]);
    let closing = Fake::start(drop);
    assert_fails(&look_within(PATIENT, smtp(closing.address, None, None, None)), &["breaks the conversation off"]);
    assert_fails(&look_within(PATIENT, smtp(free_address(), None, None, None)), &["nothing listens"]);
    assert_unknown(&look_within(PATIENT, smtp(NOWHERE, None, None, None)), &["there is no way from here"]);
}

#[test]
fn a_server_that_never_comes_to_an_end_fails_in_time() {
    let banner = Fake::endless(b"", b"220-more\r\n");
    assert_fails(&look_within(PATIENT, smtp(banner.address, None, None, None)), &["goes on and on"]);
    let line = Fake::endless(b"220 ", b"xxxx");
    assert_fails(&look_within(PATIENT, smtp(line.address, None, None, None)), &["its lines have no end"]);
    let delayed = Nginx::mail("starttls off; smtp_greeting_delay 1h;");
    let verdict = look_within(SHORT, smtp(delayed.address, None, None, None));
    assert_fails(&verdict, &["does not end a banner within 3s", "a longer `timeout`"]);
    let stuck = Fake::once(b"220 a\r\n250-a\r\n");
    let verdict = look_within(SHORT, smtp(stuck.address, None, None, None));
    assert_fails(&verdict, &["does not end a reply to EHLO"]);
}
