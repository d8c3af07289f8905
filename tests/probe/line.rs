//! `watari probe` on the command line.

use std::process::{Command, Output, Stdio};

use crate::nginx::Nginx;
use crate::support::peer::free_address;
use crate::{Fake, NOWHERE};

fn watari(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watari"));
    command.arg("probe").args(arguments).env_remove("WATARI_LOG").stdin(Stdio::null()).output().unwrap()
}

#[test]
fn each_probe_is_a_line_and_the_worst_one_is_the_exit_status() {
    let server = Nginx::web("server { listen LISTEN; location / { return 200 'all is well'; } }");
    let address = server.address.to_string();
    let web = ["--http", "http://www.example/", "--address", &address, "--body", "well", "--timeout", "60s"];
    let output = watari(&web);
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{line}");
    let took = line.strip_prefix("pass     http  ").and_then(|rest| rest.strip_suffix(" s\n"));
    assert!(took.is_some_and(|seconds| seconds.trim().parse::<f64>().is_ok()), "{line}");

    let (closed, nowhere) = (free_address().to_string(), NOWHERE.to_string());
    let output = watari(&[&web[..], &["--tcp", &nowhere]].concat());
    assert_eq!(output.status.code(), Some(3));
    let output = watari(&[&web[..], &["--tcp", &nowhere, "--tcp", &closed]].concat());
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = lines.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["unknown", "fail", "pass"], "{lines}");
}

#[test]
fn the_probes_of_a_plan_are_carried_out_all_or_those_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().display().to_string();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("child.example.zone", "@ 60 SOA ns1 hostmaster 5 7200 3600 1209600 300\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n");
    let plan = format!(
        "version = 1\nat = \"2036-12-01T03:00Z\"\n[[flip]]\nname = \"ns1\"\ntype = \"A\"\nfrom = [\"192.0.2.1\"]\n\
         to = [\"192.0.2.2\"]\n[[probe]]\nname = \"new web\"\nkind = \"tcp\"\naddress = \"{}\"\n\
         [[probe]]\nname = \"own look\"\nkind = \"command\"\n\
         run = [\"sh\", \"-c\", \"test $WATARI_ZONE = child.example\"]\n",
        free_address()
    );
    write("child.example.plan.toml", &plan);
    let run = |arguments: &[&str]| {
        let output = watari(&[&["child.example", "--zones", &zones], arguments].concat());
        (output.status.code(), [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat())
    };
    let (status, text) = run(&[]);
    assert_eq!((status, text.lines().count()), (Some(1), 2), "{text}");
    assert!(text.starts_with("fail     new web") && text.contains("\npass     own look"), "{text}");
    let (status, text) = run(&["own look"]);
    assert_eq!((status, text.lines().count()), (Some(0), 1), "{text}");
    let (status, text) = run(&["own lok"]);
    assert_eq!(status, Some(3));
    assert!(text.contains("the plan of child.example has no probe `own lok`"), "{text}");
    assert!(text.contains("did you mean `own look`?"), "{text}");

    write("child.example.plan.toml", plan.split("[[probe]]").next().unwrap());
    assert!(run(&[]).1.contains("has no probe"));
    write("child.example.plan.toml", &plan.replace("\"command\"", "\"comand\""));
    let (status, text) = run(&[]);
    assert_eq!(status, Some(1));
    assert!(text.contains("did you mean `command`?") || text.contains("comand"), "{text}");
}

#[test]
fn programs_read_json() {
    let server = Fake::once(b"220 mx.example\r\n250 mx.example\r\n221 bye\r\n");
    let (address, closed) = (server.address.to_string(), free_address().to_string());
    let output = watari(&["--smtp", &address, "--tcp", &closed, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["probes"][0]["verdict"], "fail");
    assert!(json["probes"][0]["why"].as_str().unwrap().contains("nothing listens"));
    assert_eq!((&json["probes"][1]["name"], &json["probes"][1]["verdict"]), (&"smtp".into(), &"pass".into()));
    assert!(json["probes"][1]["seconds"].as_f64().unwrap() >= 0.0);
}
