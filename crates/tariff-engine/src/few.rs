//! A list whose first items need no allocation.

/// Up to `N` items lie in place, the others in a vector: most receipts have few lines on one or two days.
pub(crate) struct Few<T, const N: usize> {
    first: [Option<T>; N],
    more: Vec<T>,
    len: usize,
}

impl<T, const N: usize> Few<T, N> {
    pub(crate) const fn new() -> Self {
        Self { first: [const { None }; N], more: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, item: T) {
        match self.first.get_mut(self.len) {
            Some(slot) => *slot = Some(item),
            None => self.more.push(item),
        }
        self.len += 1;
    }

    /// Makes room for so many items more.
    pub(crate) fn reserve(&mut self, items: usize) {
        self.more.reserve(items);
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        match self.first.get(index) {
            Some(slot) => slot.as_ref(),
            None => self.more.get(index - N),
        }
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match self.first.get_mut(index) {
            Some(slot) => slot.as_mut(),
            None => self.more.get_mut(index - N),
        }
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len.checked_sub(1)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().flatten().chain(&self.more)
    }

    pub(crate) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.first.iter_mut().flatten().chain(&mut self.more)
    }

    /// The first item like this. It is mostly one of those in place, which are looked at by a loop of their own.
    #[inline]
    pub(crate) fn find_mut(&mut self, is: impl Fn(&T) -> bool) -> Option<&mut T> {
        for slot in &mut self.first {
            match slot {
                Some(item) if is(item) => return Some(item),
                Some(_) => {}
                None => return None,
            }
        }
        self.more.iter_mut().find(|item| is(item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_order_in_place_and_beyond() {
        let mut few = Few::<u32, 2>::new();
        assert!(few.last_mut().is_none());
        for item in 0..5 {
            few.push(item);
            assert_eq!(few.last_mut(), Some(&mut { item }));
        }
        *few.get_mut(3).unwrap() = 9;
        assert_eq!(few.len(), 5);
        assert_eq!(few.iter().copied().collect::<Vec<_>>(), [0, 1, 2, 9, 4]);
        assert_eq!(few.iter_mut().next_back(), Some(&mut 4));
        *few.find_mut(|item| *item == 1).unwrap() = 7;
        *few.find_mut(|item| *item > 7).unwrap() = 8;
        assert_eq!(few.iter().copied().collect::<Vec<_>>(), [0, 7, 2, 8, 4]);
        assert_eq!((few.find_mut(|item| *item == 1), Few::<u32, 2>::new().find_mut(|_| true)), (None, None));
        assert!(few.get_mut(5).is_none());
    }
}
