//! nginx, as a web server and as the front of a mail server.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::support::certificates::Pair;
use crate::support::peer::free_address;
use crate::support::program::{self, Running};

/// Where Debian keeps the module that speaks SMTP.
const MAIL_MODULE: &str = "/usr/lib/nginx/modules/ngx_mail_module.so";

pub(crate) struct Nginx {
    pub(crate) address: SocketAddr,
    _running: Running,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// A web server: `servers` are `server` blocks, in which `LISTEN` is the address.
    pub(crate) fn web(servers: &str) -> Nginx {
        Nginx::start(&|folder, address| {
            std::fs::write(format!("{folder}/page"), "x".repeat(100_000) + "\nthe end of the page\n").unwrap();
            std::fs::write(format!("{folder}/long"), "x".repeat(2 << 20) + "too far away\n").unwrap();
            let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|kind| format!("{kind}_temp_path {folder}/{kind};"))
                .concat();
            let servers = servers.replace("LISTEN", address).replace("FOLDER", folder);
            format!("http {{ access_log off; {scratch} {servers} }}")
        })
    }

    /// The front of a mail server with `directives`.
    pub(crate) fn mail(directives: &str) -> Nginx {
        Nginx::start(&|_, address| {
            format!(
                "mail {{ server_name mx.example; auth_http 127.0.0.1:9/; server {{ listen {address}; protocol smtp; \
                 {directives} }} }}"
            )
        })
    }

    fn start(block: &dyn Fn(&str, &str) -> String) -> Nginx {
        let folder = tempfile::tempdir().unwrap();
        let (path, address) = (folder.path().display().to_string(), free_address());
        let block = block(&path, &address.to_string());
        let module = if block.starts_with("mail") { format!("load_module {MAIL_MODULE};") } else { String::new() };
        // One process, which is what its handle ends.
        let text =
            format!("{module} daemon off; master_process off; pid {path}/pid; error_log stderr; events {{ }} {block}");
        std::fs::write(folder.path().join("config"), text).unwrap();
        let mut command = Command::new(program::find("nginx"));
        command.args(["-e", "stderr", "-p", &path, "-c", "config"]);
        let running = Running::start("nginx", command, folder.path().join("log"));
        running.until("it accepts", || TcpStream::connect(address).is_ok());
        Nginx { address, _running: running, _folder: folder }
    }
}

/// The directives that show a certificate.
pub(crate) fn shows(pair: &Pair) -> String {
    format!("ssl_certificate {}; ssl_certificate_key {};", pair.certificate.display(), pair.key.display())
}
