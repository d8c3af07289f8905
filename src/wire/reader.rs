//! A bounds-checked cursor over bytes that came from outside.

/// Fewer bytes were left than a read asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the input ends {missing} octets too early")]
pub struct ShortInput {
    /// How many octets more the read needed.
    pub missing: usize,
}

/// A cursor over `bytes`; every read is checked and moves it forward.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// How many octets have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next `len` octets.
    ///
    /// # Errors
    /// [`ShortInput`] if fewer are left.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], ShortInput> {
        let rest = self.rest();
        match rest.get(..len) {
            Some(taken) => {
                self.at += len;
                Ok(taken)
            }
            None => Err(ShortInput { missing: len - rest.len() }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ShortInput> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next octet.
    ///
    /// # Errors
    /// [`ShortInput`] if none is left.
    pub fn u8(&mut self) -> Result<u8, ShortInput> {
        self.array().map(u8::from_be_bytes)
    }

    /// The next two octets, in network byte order.
    ///
    /// # Errors
    /// [`ShortInput`] if fewer are left.
    pub fn u16(&mut self) -> Result<u16, ShortInput> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next four octets, in network byte order.
    ///
    /// # Errors
    /// [`ShortInput`] if fewer are left.
    pub fn u32(&mut self) -> Result<u32, ShortInput> {
        self.array().map(u32::from_be_bytes)
    }
}
