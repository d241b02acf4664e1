//! A list that is nearly always short, kept where it is named and not behind a pointer: what a decision reads lies in
//! fewer places. Knows nothing of what is listed.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Up to `N` values in place, more of them in memory of their own. `N` is below 256.
#[derive(Clone)]
pub struct Short<T, const N: usize>(Kept<T, N>);

#[derive(Clone)]
enum Kept<T, const N: usize> {
    Here { count: u8, values: [T; N] },
    Away(Box<[T]>),
}

impl<T: Copy + Default, const N: usize> From<&[T]> for Short<T, N> {
    fn from(values: &[T]) -> Self {
        let mut here = [T::default(); N];
        match (here.get_mut(..values.len()), u8::try_from(values.len())) {
            (Some(room), Ok(count)) => {
                room.copy_from_slice(values);
                Self(Kept::Here { count, values: here })
            }
            _ => Self(Kept::Away(values.into())),
        }
    }
}

impl<T: Copy + Default, const N: usize> FromIterator<T> for Short<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::from(&*values.into_iter().collect::<Vec<T>>())
    }
}

impl<T: Copy + Default, const N: usize> Default for Short<T, N> {
    fn default() -> Self {
        Self(Kept::Here { count: 0, values: [T::default(); N] })
    }
}

impl<T, const N: usize> Deref for Short<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Kept::Here { count, values } => &values[..usize::from(*count)],
            Kept::Away(values) => values,
        }
    }
}

impl<T, const N: usize> DerefMut for Short<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Kept::Here { count, values } => &mut values[..usize::from(*count)],
            Kept::Away(values) => values,
        }
    }
}

impl<T: PartialEq, const N: usize> PartialEq for Short<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for Short<T, N> {}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Short<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Serialize, const N: usize> Serialize for Short<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Copy + Default + Deserialize<'de>, const N: usize> Deserialize<'de> for Short<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|values: Vec<T>| Self::from(&*values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_lists_are_the_same_list() {
        for count in [0, 1, 3, 4, 300] {
            let values: Vec<u16> = (0..count).collect();
            let mut list: Short<u16, 3> = values.iter().copied().collect();
            assert_eq!(*list, *values);
            let bytes = postcard::to_allocvec(&list).unwrap();
            assert_eq!(bytes, postcard::to_allocvec(&values).unwrap());
            assert_eq!(postcard::from_bytes::<Short<u16, 3>>(&bytes).unwrap(), list);
            list.iter_mut().for_each(|value| *value += 1);
            assert_eq!(list.iter().map(|value| value - 1).collect::<Vec<_>>(), values);
        }
    }
}
