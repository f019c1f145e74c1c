//! Constant tensors: initializers and tensor attributes.

use bytes::Bytes;
use half::{bf16, f16};
use ndarray::ArrayViewD;

use super::{Error, Result};

/// The element type of a tensor; the discriminants are ONNX's `TensorProto.DataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names say all there is.
#[repr(i32)]
pub enum DataType {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Uint16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    Uint32 = 12,
    Uint64 = 13,
    Bfloat16 = 16,
}

impl DataType {
    /// Bytes an element takes.
    pub const fn size(self) -> usize {
        match self {
            Self::Uint8 | Self::Int8 | Self::Bool => 1,
            Self::Uint16 | Self::Int16 | Self::Float16 | Self::Bfloat16 => 2,
            Self::Float | Self::Int32 | Self::Uint32 => 4,
            Self::Int64 | Self::Double | Self::Uint64 => 8,
        }
    }

    /// The type with ONNX's number `code`, or `None` for those no CNN uses (strings, complex numbers, 4 and 8 bit floats).
    pub const fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            1 => Self::Float,
            2 => Self::Uint8,
            3 => Self::Int8,
            4 => Self::Uint16,
            5 => Self::Int16,
            6 => Self::Int32,
            7 => Self::Int64,
            9 => Self::Bool,
            10 => Self::Float16,
            11 => Self::Double,
            12 => Self::Uint32,
            13 => Self::Uint64,
            16 => Self::Bfloat16,
            _ => return None,
        })
    }
}

/// A constant tensor: row-major little-endian elements, shared rather than copied when cloned.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    dtype: DataType,
    shape: Vec<usize>,
    data: Bytes,
}

impl Tensor {
    /// A tensor over raw little-endian `data`; an error if its length is not that of `shape`.
    pub fn new(dtype: DataType, shape: Vec<usize>, data: Bytes) -> Result<Self> {
        let expected = shape.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
        if expected != Some(data.len()) {
            let length = data.len();
            return Err(Error::Invalid(format!("a tensor of shape {shape:?} ({dtype:?}) has {length} bytes of data")));
        }
        Ok(Self { dtype, shape, data })
    }

    /// A float tensor of `shape`.
    ///
    /// # Panics
    /// When `values` does not have as many elements as `shape` says.
    pub fn from_floats(shape: &[usize], values: &[f32]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len());
        let data = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        Self { dtype: DataType::Float, shape: shape.to_vec(), data: data.into() }
    }

    /// A one-dimensional int64 tensor, as shapes and axes are given in ONNX.
    pub fn from_ints(values: &[i64]) -> Self {
        let data = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        Self { dtype: DataType::Int64, shape: vec![values.len()], data: data.into() }
    }

    /// A float scalar (no dimensions).
    pub fn scalar(value: f32) -> Self {
        Self::from_floats(&[], &[value])
    }

    /// One truth value of `rank` dimensions.
    pub fn boolean(value: bool, rank: usize) -> Self {
        Self { dtype: DataType::Bool, shape: vec![1; rank], data: vec![u8::from(value)].into() }
    }

    /// The element type.
    pub fn dtype(&self) -> DataType {
        self.dtype
    }

    /// The length of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as row-major little-endian bytes.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The same elements under another `shape` of as many elements.
    pub fn reshaped(&self, shape: Vec<usize>) -> Result<Self> {
        Self::new(self.dtype, shape, self.data.clone())
    }

    /// The same elements with the axes in another `order`: axis `i` is what axis `order[i]` was; an error if it is no order of the
    /// axes.
    pub fn permuted(&self, order: &[usize]) -> Result<Self> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..self.shape.len()) {
            return Err(Error::Invalid(format!("{order:?} is no order of the axes of a tensor {:?}", self.shape)));
        }
        // Each element's bytes are a last axis, which stays the last.
        let bytes = [self.shape.as_slice(), &[self.dtype.size()]].concat();
        let view = ArrayViewD::from_shape(bytes, &self.data).map_err(|error| Error::Invalid(error.to_string()))?;
        let data: Vec<u8> = view.permuted_axes([order, &[order.len()]].concat()).iter().copied().collect();
        Self::new(self.dtype, order.iter().map(|&axis| self.shape[axis]).collect(), data.into())
    }

    /// The elements as float32: floats of any length, and integers; an error for other types.
    pub fn floats(&self) -> Result<Vec<f32>> {
        let mut floats = Vec::with_capacity(self.len());
        self.visit_floats(|value| floats.push(value))?;
        Ok(floats)
    }

    /// Shows the elements to `visit` as float32, in order and without a copy of them all: as [`Tensor::floats`].
    pub fn visit_floats(&self, visit: impl FnMut(f32)) -> Result<()> {
        match self.dtype {
            DataType::Float => self.elements(f32::from_le_bytes).for_each(visit),
            DataType::Float16 => self.elements(|b| f16::from_le_bytes(b).to_f32()).for_each(visit),
            DataType::Bfloat16 => self.elements(|b| bf16::from_le_bytes(b).to_f32()).for_each(visit),
            DataType::Double => self.elements(|b: [u8; 8]| f64::from_le_bytes(b) as f32).for_each(visit),
            DataType::Int32 => self.elements(|b: [u8; 4]| i32::from_le_bytes(b) as f32).for_each(visit),
            DataType::Int64 => self.elements(|b: [u8; 8]| i64::from_le_bytes(b) as f32).for_each(visit),
            other => return Err(Error::Unsupported(format!("a {other:?} tensor where floats are needed"))),
        }
        Ok(())
    }

    /// The elements as int64: int64 and int32 tensors; an error for other types.
    pub fn ints(&self) -> Result<Vec<i64>> {
        match self.dtype {
            DataType::Int64 => Ok(self.elements(i64::from_le_bytes).collect()),
            DataType::Int32 => Ok(self.elements(|b: [u8; 4]| i64::from(i32::from_le_bytes(b))).collect()),
            other => Err(Error::Unsupported(format!("a {other:?} tensor where integers are needed"))),
        }
    }

    fn elements<const N: usize, T>(&self, read: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
        self.data.as_chunks::<N>().0.iter().map(move |&chunk| read(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_must_fit_the_shape() {
        assert!(Tensor::new(DataType::Float, vec![2, 2], Bytes::from_static(&[0; 16])).is_ok());
        assert!(Tensor::new(DataType::Float, vec![2, 2], Bytes::from_static(&[0; 15])).is_err());
        assert!(Tensor::new(DataType::Float, vec![usize::MAX, 2], Bytes::new()).is_err());
    }

    #[test]
    fn axes_change_places() {
        let tensor = Tensor::from_floats(&[2, 1, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let expected = Tensor::from_floats(&[3, 2, 1], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(tensor.permuted(&[2, 0, 1]).unwrap(), expected);
        assert_eq!(Tensor::scalar(1.0).permuted(&[]).unwrap(), Tensor::scalar(1.0));
        assert!(tensor.permuted(&[0, 1]).is_err() && tensor.permuted(&[0, 1, 1]).is_err());
    }

    #[test]
    fn elements_come_back_as_written() {
        assert_eq!(Tensor::from_floats(&[2], &[1.5, -2.0]).floats().unwrap(), [1.5, -2.0]);
        assert_eq!(Tensor::from_ints(&[-1, 7]).ints().unwrap(), [-1, 7]);
        assert!(Tensor::scalar(1.0).ints().is_err());
    }
}
