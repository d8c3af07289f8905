//! A primary that says what it is told to: in full, in part, or wrongly.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::client;
use crate::support::peer::free_address;

/// A record of the zone, as octets of a message.
pub(crate) type Octets = Vec<u8>;

/// What it says.
#[derive(Clone)]
pub(crate) enum Script {
    /// Nothing at all.
    Silence,
    /// This serial, and to who asks for the zone these messages: without id and question, which are put before.
    Say { serial: u32, messages: Vec<Said> },
    /// The same message without an end.
    Endless { serial: u32, first: Said, again: Said },
}

/// One message.
#[derive(Clone, Default)]
pub(crate) struct Said {
    pub(crate) records: Vec<Octets>,
    /// What is added to the id.
    pub(crate) id: u16,
    /// The name in the question; that of the zone if there is none.
    pub(crate) question: Option<&'static str>,
    pub(crate) rcode: u8,
    /// How many octets are left out at its end, while its length says otherwise.
    pub(crate) cut: usize,
}

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Scripted {
    pub(crate) fn say(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    pub(crate) fn named(&self) -> String {
        format!("primaries = [\"{}\"]\nrefresh-max = \"1s\"\n", self.address)
    }
}

impl Script {
    /// A whole zone, all in one message.
    pub(crate) fn zone(records: &[Octets]) -> Script {
        let mut all = records.to_vec();
        all.push(records[0].clone());
        Script::Say { serial: serial(&records[0]), messages: vec![Said { records: all, ..Said::default() }] }
    }
}

/// The zone `a.example` with this serial, REFRESH, RETRY and EXPIRE: the SOA record first.
pub(crate) fn zone(serial: u32, times: &str) -> Vec<Octets> {
    vec![soa(serial, times), record("a.example", 2, &name("ns.a.example")), record("ns.a.example", 1, &[192, 0, 2, 1])]
}

/// The same as a zone file.
pub(crate) fn text(serial: u32, times: &str) -> String {
    format!("$TTL 300\n@ SOA ns h {serial} {times} 300\n@ NS ns\nns A 192.0.2.1\n")
}

pub(crate) fn soa(serial: u32, times: &str) -> Octets {
    let mut rdata = [name("ns.a.example"), name("h.a.example"), serial.to_be_bytes().to_vec()].concat();
    for time in times.split(' ').chain(["300"]) {
        rdata.extend(time.parse::<u32>().unwrap().to_be_bytes());
    }
    record("a.example", 6, &rdata)
}

pub(crate) fn record(owner: &str, rtype: u16, rdata: &[u8]) -> Octets {
    let mut octets = name(owner);
    octets.extend(rtype.to_be_bytes());
    octets.extend([0, 1, 0, 0, 1, 44]);
    octets.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
    octets.extend(rdata);
    octets
}

fn serial(soa: &[u8]) -> u32 {
    u32::from_be_bytes(*soa[soa.len() - 20..].first_chunk().unwrap())
}

pub(crate) fn name(text: &str) -> Vec<u8> {
    let mut wire: Vec<u8> =
        text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    wire.push(0);
    wire
}

/// Starts a primary that follows `script`; its threads end with the program.
pub(crate) fn start(script: Script) -> Scripted {
    let address = free_address();
    let (udp, tcp) = (UdpSocket::bind(address).unwrap(), TcpListener::bind(address).unwrap());
    let script = Arc::new(Mutex::new(script));
    let (of_udp, of_tcp) = (script.clone(), script.clone());
    thread::spawn(move || {
        let mut request = [0; 600];
        while let Ok((length, from)) = udp.recv_from(&mut request) {
            let script = of_udp.lock().unwrap().clone();
            let serial = match script {
                Script::Silence => continue,
                Script::Say { serial, .. } | Script::Endless { serial, .. } => serial,
            };
            let said = Said { records: vec![soa(serial, "1 1 1")], ..Said::default() };
            _ = udp.send_to(&message(&request[..length], &said), from);
        }
    });
    thread::spawn(move || {
        for stream in tcp.incoming() {
            let script = of_tcp.lock().unwrap().clone();
            thread::spawn(move || stream.map(|stream| answer(stream, &script)));
        }
    });
    Scripted { address, script }
}

fn answer(mut stream: TcpStream, script: &Script) {
    let Some(request) = client::read_framed(&mut stream) else { return };
    let mut write = |said: &Said| {
        let message = message(&request, said);
        let length = u16::try_from(message.len()).unwrap();
        let kept = message.len() - said.cut;
        stream.write_all(&[&length.to_be_bytes(), &message[..kept]].concat()).is_ok()
    };
    match script {
        Script::Silence => {
            // It takes what comes and says nothing.
            _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
            _ = stream.read(&mut [0]);
        }
        Script::Say { messages, .. } => _ = messages.iter().all(write),
        Script::Endless { first, again, .. } => {
            if write(first) {
                while write(again) {}
            }
        }
    }
}

fn message(request: &[u8], said: &Said) -> Vec<u8> {
    let id = u16::from_be_bytes([request[0], request[1]]).wrapping_add(said.id);
    let mut octets = id.to_be_bytes().to_vec();
    octets.extend([0x84, said.rcode, 0, 1]);
    octets.extend(u16::try_from(said.records.len()).unwrap().to_be_bytes());
    octets.extend([0; 4]);
    let question = &request[12..];
    let end = question.iter().position(|octet| *octet == 0).unwrap() + 1;
    octets.extend(said.question.map_or_else(|| question[..end].to_vec(), name));
    octets.extend(&question[end..end + 4]);
    said.records.iter().for_each(|record| octets.extend(record));
    octets
}
