//! Web servers: nginx with right and wrong certificates and answers, and servers that never come to an end.

use std::net::SocketAddr;

use watari::timeline::Verdict;
use watari::timeline::plan::probe::Look;

use crate::nginx::{Nginx, shows};
use crate::support::certificates::{Authority, Pair};
use crate::support::peer::free_address;
use crate::{Fake, HASTY, NOWHERE, PATIENT, SHORT, assert_fails, assert_unknown, look_within};

const HOST: &str = "www.child.example";

/// A look at the path `/page` over HTTPS.
fn https(address: SocketAddr, ca: Option<String>) -> Look {
    let url = format!("https://{HOST}/page");
    Look::Http { url, address: Some(address), status: Vec::new(), body: None, ca }
}

fn http(address: SocketAddr, path: &str, status: &[u16], body: Option<&str>) -> Look {
    let (url, body) = (format!("http://{HOST}{path}"), body.map(str::to_owned));
    Look::Http { url, address: Some(address), status: status.to_vec(), body, ca: None }
}

fn serve(certificate: &Pair) -> Nginx {
    Nginx::web(&format!("server {{ listen LISTEN ssl; root FOLDER; {} }}", shows(certificate)))
}

#[test]
fn a_certificate_for_the_name_passes_before_dns_points_there() {
    let authority = Authority::new();
    let server = serve(&authority.issue(HOST));
    assert_eq!(look_within(PATIENT, https(server.address, authority.ca())), Verdict::Pass);
}

#[test]
fn the_server_is_asked_for_the_name_and_not_for_the_address() {
    let authority = Authority::new();
    // By SNI and Host nginx chooses the second.
    let server = Nginx::web(&format!(
        "server {{ listen LISTEN ssl; server_name other.example; {} return 500; }}
         server {{ listen LISTEN ssl; server_name {HOST}; {} return 204; }}",
        shows(&authority.issue("other.example")),
        shows(&authority.issue(HOST))
    ));
    assert_eq!(look_within(PATIENT, https(server.address, authority.ca())), Verdict::Pass);
}

#[test]
fn a_certificate_for_another_name_fails_and_says_for_whom_it_is() {
    let authority = Authority::new();
    let server = serve(&authority.issue("old.example"));
    let verdict = look_within(PATIENT, https(server.address, authority.ca()));
    let at = format!("the certificate at {} is for old.example, not for {HOST}", server.address);
    assert_fails(&verdict, &[&at, "issue one for www.child.example before the flip", "SNI"]);
}

#[test]
fn a_certificate_that_has_expired_fails_and_says_when() {
    let authority = Authority::new();
    let server = serve(&authority.issue_expired(HOST));
    let verdict = look_within(PATIENT, https(server.address, authority.ca()));
    assert_fails(&verdict, &["expired 2021-02-03T00:00:00Z", "renew it"]);
}

#[test]
fn a_certificate_signed_by_itself_fails_with_all_that_is_wrong() {
    let authority = Authority::new();
    let server = serve(&authority.self_signed("old.example"));
    let verdict = look_within(PATIENT, https(server.address, authority.ca()));
    assert_fails(
        &verdict,
        &["is signed by itself", "`ca`", "besides, it is for old.example, not for www.child.example"],
    );
}

#[test]
fn a_certificate_of_an_authority_that_nobody_trusts_fails() {
    let authority = Authority::new();
    let server = serve(&authority.issue(HOST));
    // One of another name, and one of the same name with another key.
    for other in [Authority::called("another authority"), Authority::new()] {
        let verdict = look_within(PATIENT, https(server.address, other.ca()));
        assert_fails(&verdict, &["an authority that this machine does not trust", "send its whole chain", "`ca`"]);
    }
}

#[test]
fn a_server_without_tls_fails_a_look_over_https() {
    let authority = Authority::new();
    let server = Nginx::web("server { listen LISTEN; return 204; }");
    let verdict = look_within(PATIENT, https(server.address, authority.ca()));
    assert_fails(&verdict, &["does not speak TLS", "is TLS switched on?"]);
}

#[test]
fn a_server_that_knows_no_such_name_fails() {
    let authority = Authority::new();
    let server = Nginx::web("server { listen LISTEN ssl; ssl_reject_handshake on; }");
    let verdict = look_within(PATIENT, https(server.address, authority.ca()));
    assert_fails(&verdict, &["knows no www.child.example", "set the server up for that name"]);
}

#[test]
fn a_server_with_tls_that_is_spoken_to_without_it_fails_by_its_status() {
    let authority = Authority::new();
    let server = serve(&authority.issue(HOST));
    assert_fails(&look_within(PATIENT, http(server.address, "/page", &[], None)), &["answers 400 Bad Request"]);
}

#[test]
fn a_file_of_certificates_that_is_none_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem").display().to_string();
    std::fs::write(&empty, "nothing\n").unwrap();
    let server = Fake::once(b"");
    let verdict = look_within(PATIENT, https(server.address, Some(empty)));
    assert_unknown(&verdict, &["holds no certificate", "in PEM"]);
    let server = Fake::once(b"");
    let verdict = look_within(PATIENT, https(server.address, Some("/no/such/file.pem".to_owned())));
    assert_unknown(&verdict, &["/no/such/file.pem", "can't be read"]);
}

#[test]
fn a_status_passes_if_it_is_one_of_those_that_are_fine() {
    let server = Nginx::web(
        "server { listen LISTEN; root FOLDER; location /broken { return 500; }
         location /moved { return 301 https://elsewhere.example/; } location /gone { return 404; } }",
    );
    let look = |path, status: &[u16]| look_within(PATIENT, http(server.address, path, status, None));
    assert_eq!(look("/page", &[]), Verdict::Pass);
    assert_eq!(look("/page", &[200]), Verdict::Pass);
    assert_eq!(look("/moved", &[]), Verdict::Pass);
    assert_eq!(look("/gone", &[404, 410]), Verdict::Pass);
    assert_fails(&look("/broken", &[]), &["answers 500", "from 200 to 399 is expected", "log"]);
    let moved = look("/moved", &[200, 204]);
    assert_fails(
        &moved,
        &["301", "200 or 204 is expected", "`https://elsewhere.example/`", "redirects are not followed"],
    );
    assert_fails(&look("/gone", &[]), &["404", "is www.child.example set up at that server?"]);
}

#[test]
fn a_body_passes_if_it_contains_the_text() {
    let server = Nginx::web(
        "server { listen LISTEN; root FOLDER; location /slow { limit_rate_after 4k; limit_rate 1; alias FOLDER/page; } }",
    );
    let look = |path, text| look_within(PATIENT, http(server.address, path, &[], Some(text)));
    assert_eq!(look("/page", "the end of the page"), Verdict::Pass);
    assert_eq!(look("/page", "xxx"), Verdict::Pass);
    assert_fails(&look("/page", "welcome"), &["does not contain `welcome`", "right contents"]);
    assert_fails(&look("/long", "too far away"), &["the first MiB", "does not contain `too far away`"]);
    let slow = look_within(SHORT, http(server.address, "/slow", &[], Some("the end of the page")));
    assert_fails(&slow, &["within 3s", "is not in it yet"]);
}

#[test]
fn a_server_that_never_comes_to_an_end_fails_in_time() {
    let silent = Fake::once(b"");
    let verdict = look_within(SHORT, http(silent.address, "/", &[], None));
    assert_fails(&verdict, &["does not answer the request for http://www.child.example/ within 3s"]);
    let silent = Fake::once(b"");
    let verdict = look_within(SHORT, https(silent.address, Authority::new().ca()));
    assert_fails(&verdict, &["the TLS handshake", "does not end within 3s"]);
    let header = Fake::endless(b"HTTP/1.1 200 OK\r\nX: ", b"x");
    assert_fails(&look_within(PATIENT, http(header.address, "/", &[], None)), &["what is no HTTP"]);
    let interim = Fake::endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n");
    assert_fails(&look_within(HASTY, http(interim.address, "/", &[], None)), &["within 300ms"]);
    let body = Fake::endless(b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096]);
    assert_fails(&look_within(PATIENT, http(body.address, "/", &[], Some("welcome"))), &["the first MiB"]);
}

#[test]
fn what_is_no_web_server_fails() {
    assert_fails(&look_within(PATIENT, http(free_address(), "/", &[], None)), &["nothing listens", "start the server"]);
    let ssh = Fake::once(b"SSH-2.0-nonsense\r\n\r\n");
    let verdict = look_within(PATIENT, http(ssh.address, "/", &[], None));
    assert_fails(&verdict, &["what is no HTTP", "is it the right port"]);
    let closing = Fake::start(drop);
    assert_fails(&look_within(PATIENT, http(closing.address, "/", &[], None)), &["breaks off its answer"]);
}

#[test]
fn what_can_not_be_looked_at_is_unknown() {
    assert_unknown(&look_within(PATIENT, http(NOWHERE, "/", &[], None)), &["there is no way from here"]);
    let bad =
        Look::Http { url: "www.child.example".to_owned(), address: None, status: Vec::new(), body: None, ca: None };
    assert_unknown(&look_within(PATIENT, bad), &["begins with `http://` or `https://`"]);
}
