//! Buffers that are reused, between the threads of a pipeline.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use crate::handoff::lock;

/// Reuses buffers: one that is dropped comes back.
pub(crate) struct Pool<T>(Arc<Spare<T>>);

/// The buffers that are not in use.
#[derive(Debug)]
struct Spare<T> {
    items: Mutex<Vec<T>>,
    limit: usize,
    make: fn() -> T,
    is_kept: fn(&T) -> bool,
}

/// A buffer of a [`Pool`], or of none; returns to it when dropped.
#[derive(Debug)]
pub struct Pooled<T: Send> {
    item: Option<T>,
    home: Option<Arc<Spare<T>>>,
}

impl<T: Send + Default> Pool<T> {
    /// A pool that keeps at most `limit` unused buffers.
    pub(crate) fn new(limit: usize) -> Self {
        Self::of(limit, T::default, |_| true)
    }

    /// A pool of buffers that are made in that way, and of which those are kept for which `is_kept` holds.
    pub(crate) fn of(limit: usize, make: fn() -> T, is_kept: fn(&T) -> bool) -> Self {
        Pool(Arc::new(Spare {
            items: Mutex::default(),
            limit,
            make,
            is_kept,
        }))
    }

    /// A used buffer, with whatever was in it, or a new one.
    pub(crate) fn get(&self) -> Pooled<T> {
        let used = lock(&self.0.items).pop();
        let item = Some(used.unwrap_or_else(self.0.make));
        let home = Some(Arc::clone(&self.0));
        Pooled { item, home }
    }

    /// Puts buffers in: what will be needed at worst is there from the start.
    pub(crate) fn stock(&self, buffers: Vec<T>) {
        lock(&self.0.items).extend(buffers);
    }
}

impl<T: Send> From<T> for Pooled<T> {
    /// A buffer that belongs to no pool.
    fn from(item: T) -> Self {
        let item = Some(item);
        Pooled { item, home: None }
    }
}

/// Only dropping takes the item out.
const PRESENT: &str = "a pooled buffer is there until it is dropped";

impl<T: Send> Deref for Pooled<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.item.as_ref().expect(PRESENT)
    }
}

impl<T: Send> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.item.as_mut().expect(PRESENT)
    }
}

impl<T: Send> Drop for Pooled<T> {
    fn drop(&mut self) {
        if let (Some(item), Some(home)) = (self.item.take(), self.home.take()) {
            let mut spare = lock(&home.items);
            if spare.len() < home.limit && (home.is_kept)(&item) {
                spare.push(item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_comes_back() {
        let pool = Pool::<Vec<u8>>::new(1);
        let mut first = pool.get();
        first.extend([1, 2, 3]);
        let second = pool.get();
        drop(first);
        drop(second);
        assert_eq!(*pool.get(), vec![1, 2, 3]);
    }

    #[test]
    fn a_buffer_that_shall_not_be_kept_does_not_come_back() {
        let pool = Pool::of(2, Vec::new, |buffer: &Vec<u8>| buffer.len() < 3);
        pool.get().extend([1, 2, 3]);
        assert!(pool.get().is_empty());
    }

    #[test]
    fn a_stocked_pool_has_its_buffers_before_they_are_needed() {
        let pool = Pool::new(2);
        pool.stock(vec![vec![7u8]; 2]);
        let got = [pool.get(), pool.get(), pool.get()].map(|buffer| buffer.len());
        assert_eq!(got, [1, 1, 0]);
    }
}
