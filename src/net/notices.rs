//! What primaries have said of zones that are fetched, until the owner takes it: of each zone one word, however often it
//! is said.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::answer::Notified;
use crate::wire::Name;

/// The most zones of which something waits.
const WAITING_MAX: usize = 1 << 20;

/// What waits for the owner.
#[derive(Default)]
pub struct Notices {
    waiting: Mutex<HashMap<Name, Notified>>,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Notices {
    /// From now on `wake` is called when something waits where nothing did.
    pub fn on_first(&self, wake: impl Fn() + Send + Sync + 'static) {
        _ = self.wake.set(Box::new(wake));
    }

    /// Puts `notified` in, in the place of what was said of the zone before.
    pub fn put(&self, notified: Notified) {
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = waiting.is_empty();
            if waiting.len() >= WAITING_MAX && !waiting.contains_key(&notified.apex) {
                return;
            }
            let said = waiting.entry(notified.apex.clone());
            let serial = notified.serial;
            let kept = said.or_insert(notified);
            // Whoever says most, counts: what is asked then shows what there is.
            kept.serial =
                kept.serial.zip(serial).map(|(a, b)| if (1..1 << 31).contains(&b.wrapping_sub(a)) { b } else { a });
            is_first
        };
        if let (true, Some(wake)) = (is_first, self.wake.get()) {
            wake();
        }
    }

    /// Takes all of it.
    pub fn take(&self) -> Vec<Notified> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_values().collect()
    }
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notices")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn however_often_it_is_said_the_owner_is_woken_once() {
        let (notices, woken) = (Notices::default(), Arc::new(AtomicUsize::new(0)));
        let count = woken.clone();
        notices.on_first(move || _ = count.fetch_add(1, Ordering::Relaxed));
        let apex = Name::from_text("a.example").unwrap();
        let from = ([127, 0, 0, 1], 53).into();
        for serial in [5, 7, 6] {
            notices.put(Notified { apex: apex.clone(), serial: Some(serial), from });
        }
        let taken = notices.take();
        assert_eq!(taken, [Notified { apex: apex.clone(), serial: Some(7), from }]);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        notices.put(Notified { apex: apex.clone(), serial: Some(8), from });
        notices.put(Notified { apex, serial: None, from });
        assert_eq!((notices.take()[0].serial, woken.load(Ordering::Relaxed)), (None, 2));
    }
}
