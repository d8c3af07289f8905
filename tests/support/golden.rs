//! Texts that a person has accepted: `tests/FOLDER/NAME.txt`.

use std::fs;
use std::path::Path;

/// Panics unless `shown` is the accepted text. With `UPDATE_GOLDEN` in the environment it becomes that.
pub(crate) fn assert_golden(folder: &str, name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, shown).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, golden, "{} differs; UPDATE_GOLDEN=1 writes it anew", path.display());
}
