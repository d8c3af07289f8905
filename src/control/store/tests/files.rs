//! What may lie where the database should, who may have it, and what becomes of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::*;

/// A database of version 1 as it was released, with three runs. Never changed.
const VERSION_1: &str = include_str!("version-1.sql");

fn folder_with(content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(DATABASE_FILE);
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn folder_of(sql: &str) -> (TempDir, PathBuf) {
    let (folder, path) = folder_with(b"");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (folder, path)
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Neither opened to write nor to read, and not touched.
fn assert_refused(folder: &TempDir, path: &Path, is_it: impl Fn(&StoreError) -> bool) {
    let before = fs::read(path).unwrap();
    let errors = [Store::open(folder.path()).unwrap_err(), Store::open_read_only(folder.path()).unwrap_err()];
    for error in errors {
        assert!(is_it(&error), "{error:?}");
        assert!(error.help().is_some_and(|help| help.contains("left as it is") || help.contains("left as it was")));
    }
    assert!(fs::read(path).unwrap() == before);
    assert_eq!(names(folder), ["lock", DATABASE_FILE]);
}

#[test]
fn a_store_is_nobody_elses() {
    let (folder, mut store) = empty();
    store.append(&[begins("a.example", 1, "x")]).unwrap();
    assert_eq!(names(&folder), ["lock", "watari.db", "watari.db-shm", "watari.db-wal"]);
    for name in names(&folder) {
        let mode = fs::metadata(folder.path().join(&name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_is_written_is_on_the_disk_at_the_end_of_each_transaction() {
    let (_folder, store) = empty();
    let pragma = |name| store.connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
    assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
    assert_eq!(pragma("synchronous").unwrap(), 2.into());
    assert_eq!(pragma("foreign_keys").unwrap(), 1.into());
}

#[test]
fn a_second_writer_is_refused_until_the_first_has_gone() {
    let (folder, store) = empty();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { process: Some(process), .. } if process == std::process::id()));
    assert!(error.to_string().starts_with("another server (process "));
    drop(store);
    Store::open(folder.path()).unwrap();
}

#[test]
fn a_reader_beside_the_writer_sees_what_was_appended_and_writes_nothing() {
    let (folder, mut store) = empty();
    let mut reader = Store::open_read_only(folder.path()).unwrap().unwrap();
    assert_eq!(reader.runs().unwrap(), []);
    store.append(&[begins("a.example", 1, "x")]).unwrap();
    assert_eq!(reader.runs().unwrap(), store.runs().unwrap());
    let error = reader.append(&[begins("b.example", 1, "x")]).unwrap_err();
    assert!(matches!(error, StoreError::Append(_)) && error.help().is_some());
    drop((store, reader));
    let reader = Store::open_read_only(folder.path()).unwrap().unwrap();
    assert_eq!(reader.runs().unwrap().len(), 1);
}

#[test]
fn a_reader_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Store::open_read_only(folder.path()).unwrap().is_none());
    assert!(Store::open_read_only(&folder.path().join("none")).unwrap().is_none());
    assert!(names(&folder).is_empty());
    // As a server leaves it that ended between making the file and filling it.
    let (folder, _path) = folder_with(b"");
    assert!(Store::open_read_only(folder.path()).unwrap().is_none());
    assert_eq!(names(&folder), [DATABASE_FILE]);
    Store::open(folder.path()).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    for content in
        [&b"x"[..], &[0; 4096], &b"$ORIGIN example.\n".repeat(1000), b"SQLite format 3", b"SQLite format 3\0"]
    {
        let (folder, path) = folder_with(content);
        assert_refused(&folder, &path, |error| matches!(error, StoreError::NoDatabase { .. }));
    }
}

#[test]
fn a_log_whose_database_has_gone_is_not_thrown_away() {
    for remains in [None, Some("")] {
        let (folder, mut store) = empty();
        store.append(&[begins("a.example", 1, "x")]).unwrap();
        let copy = tempfile::tempdir().unwrap();
        let log = copy.path().join("watari.db-wal");
        fs::copy(folder.path().join("watari.db-wal"), &log).unwrap();
        if let Some(remains) = remains {
            fs::write(copy.path().join(DATABASE_FILE), remains).unwrap();
        }
        let before = fs::read(&log).unwrap();
        assert!(matches!(Store::open(copy.path()), Err(StoreError::LogAlone { .. })));
        assert!(matches!(Store::open_read_only(copy.path()), Err(StoreError::LogAlone { .. })));
        assert!(!before.is_empty() && fs::read(&log).unwrap() == before);
    }
}

#[test]
fn a_database_of_something_else_is_refused_and_left_as_it_is() {
    for sql in
        ["CREATE TABLE a (b)", "CREATE TABLE schema_version (v)", "CREATE TABLE schema_version (version, program)"]
    {
        let (folder, path) = folder_of(sql);
        assert_refused(&folder, &path, |error| matches!(error, StoreError::Foreign { .. }));
    }
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let newer = known() + 1;
    let (folder, path) = folder_of(&format!("{VERSION_1}; INSERT INTO schema_version VALUES ({newer}, '9.0.0')"));
    assert_refused(&folder, &path, |error| matches!(error, StoreError::Newer { version, .. } if *version == newer));
}

#[test]
fn a_folder_that_is_not_there_is_told_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::open(&folder.path().join("none")).unwrap_err();
    assert!(matches!(error, StoreError::Lock { .. }) && error.help().is_some_and(|help| help.contains("--state")));
}

#[test]
fn a_database_of_version_1_is_brought_up_to_date_with_all_it_knows() {
    let (folder, _path) = folder_of(VERSION_1);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(schema::version(&store.connection).unwrap(), Version::At(known()));
    let runs = store.runs().unwrap();
    let told = runs.iter().map(|(apex, run, promised)| (apex.to_string(), run.is_over(), promised.len()));
    assert_eq!(told.collect::<Vec<_>>(), [("b.example.".to_owned(), true, 0), ("a.example.".to_owned(), false, 2)]);
    assert_eq!(runs[1].2[1], Promised { from: at(1_800_000_300), serial: Serial(2_027_011_503) });
    assert!(runs[1].1.is_held());
    assert_eq!(store.entries(&name("a.example")).unwrap().len(), 4);
    assert_eq!(*store.plan_text(&name("b.example")).unwrap().unwrap().text, *b"version = 1\n");
    assert_eq!(store.last_at().unwrap(), Some(decided(1_800_000_200)));
}

#[test]
fn migrations_begin_with_nothing_and_are_done_once() {
    let (folder, mut store) = empty();
    store.append(&[begins("a.example", 1, "x")]).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.runs().unwrap().len(), 1);
    let rows: i64 = store.connection.query_row("SELECT COUNT(*) FROM schema_version", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, known());
}

#[test]
fn a_migration_that_fails_leaves_the_version_before() {
    let mut connection = Connection::open_in_memory().unwrap();
    let good = "CREATE TABLE extra (a INTEGER NOT NULL) STRICT";
    let bad = "CREATE TABLE half (a INTEGER) STRICT; INSERT INTO extra VALUES (NULL)";
    let failed = schema::migrate(&mut connection, &[MIGRATIONS[0], good, bad], 0).unwrap_err();
    assert_eq!(failed.version, 3);
    assert_eq!(schema::version(&connection).unwrap(), Version::At(2));
    let half = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'half'";
    assert_eq!(connection.query_row(half, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    schema::migrate(&mut connection, &[MIGRATIONS[0], good, "INSERT INTO extra VALUES (1)"], 2).unwrap();
    assert_eq!(schema::version(&connection).unwrap(), Version::At(3));
}
