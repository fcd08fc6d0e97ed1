//! The keys that were pressed.
//!
//! minifb tells of each key as it goes down and up, from within its own update, on the window's
//! thread; the presses are kept here until the loop asks. Polling minifb for pressed keys would lose
//! those that go down and up within one update. Layouts: letters and Space by key, the question
//! mark by character, for it is somewhere else on every keyboard.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use minifb::InputCallback;
use minifb::Key::{self, LeftAlt, LeftCtrl, LeftSuper, RightAlt, RightCtrl, RightSuper};

/// A question mark that comes again so soon is the keyboard's repetition of one held down: X11
/// begins to repeat after 660 ms at most by default, and then every 40 ms.
const REPEATED: Duration = Duration::from_millis(700);

/// With one of these held down, a key is for the desktop.
const MODIFIERS: [Key; 6] = [
    LeftAlt, LeftCtrl, LeftSuper, RightAlt, RightCtrl, RightSuper,
];

/// The keyboard: its two ends are minifb's call-back and the loop.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(Rc<RefCell<Keyboard>>);

#[derive(Debug, Default)]
struct Keyboard {
    pressed: VecDeque<Key>,
    down: HashSet<Key>,
    question: Option<Instant>,
}

impl Keys {
    /// The oldest press not yet taken. A question mark is an H.
    pub(super) fn next(&self) -> Option<Key> {
        self.0.borrow_mut().pressed.pop_front()
    }

    /// Forgets which keys are down: their release goes to another window after this one lost the focus.
    pub(super) fn let_go(&self) {
        self.0.borrow_mut().down.clear();
    }
}

impl InputCallback for Keys {
    fn add_char(&mut self, character: u32) {
        let keyboard = &mut *self.0.borrow_mut();
        if character == u32::from('?') {
            let last = keyboard.question.replace(Instant::now());
            let is_repeated = last.is_some_and(|last| last.elapsed() < REPEATED);
            keyboard.pressed.extend((!is_repeated).then_some(Key::H));
        }
    }

    fn set_key_state(&mut self, key: Key, down: bool) {
        let keyboard = &mut *self.0.borrow_mut();
        if !down {
            keyboard.down.remove(&key);
            return;
        }
        // One that is down already is being repeated.
        let is_first = keyboard.down.insert(key);
        let is_chord = MODIFIERS.iter().any(|key| keyboard.down.contains(key));
        if is_first && !is_chord {
            keyboard.pressed.push_back(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(keys: &Keys) -> Vec<Key> {
        std::iter::from_fn(|| keys.next()).collect()
    }

    #[test]
    fn a_key_that_goes_down_and_up_at_once_counts() {
        let keys = Keys::default();
        let mut minifb = keys.clone();
        for _ in 0..2 {
            minifb.set_key_state(Key::R, true);
            minifb.set_key_state(Key::R, false);
        }
        assert_eq!(drain(&keys), [Key::R, Key::R]);
    }

    #[test]
    fn a_key_held_down_counts_once() {
        let keys = Keys::default();
        let mut minifb = keys.clone();
        for _ in 0..5 {
            minifb.set_key_state(Key::Space, true);
            minifb.add_char(u32::from('?'));
        }
        assert_eq!(drain(&keys), [Key::Space, Key::H]);
    }

    #[test]
    fn the_desktops_own_shortcuts_are_left_alone() {
        let keys = Keys::default();
        let mut minifb = keys.clone();
        minifb.set_key_state(Key::LeftSuper, true);
        minifb.set_key_state(Key::H, true);
        assert_eq!(drain(&keys), []);
        // The desktop took the focus, and with it the releases.
        keys.let_go();
        minifb.set_key_state(Key::H, true);
        assert_eq!(drain(&keys), [Key::H]);
    }
}
