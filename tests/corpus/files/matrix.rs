//! Small matrices.

use std::fmt;
use std::ops::Mul;

/// A matrix of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix<const R: usize, const C: usize> {
    cells: [[f64; C]; R],
}

impl<const R: usize, const C: usize> Matrix<R, C> {
    /// A matrix of zeros.
    #[must_use]
    pub fn zero() -> Self {
        Self { cells: [[0.0; C]; R] }
    }

    pub fn get(&self, row: usize, column: usize) -> Option<f64> {
        self.cells.get(row)?.get(column).copied()
    }

    // rows become columns
    #[inline]
    pub fn transposed(&self) -> Matrix<C, R> {
        let mut found = Matrix::<C, R>::zero();
        for (i, row) in self.cells.iter().enumerate() {
            for (j, &cell) in row.iter().enumerate() {
                found.cells[j][i] = cell;
            }
        }
        found
    }
}

impl<const R: usize, const N: usize, const C: usize> Mul<&Matrix<N, C>> for &Matrix<R, N> {
    type Output = Matrix<R, C>;

    fn mul(self, other: &Matrix<N, C>) -> Self::Output {
        let mut found = Matrix::zero();
        for i in 0..R {
            for j in 0..C {
                found.cells[i][j] = (0..N).map(|k| self.cells[i][k] * other.cells[k][j]).sum();
            }
        }
        found
    }
}

impl<const R: usize, const C: usize> fmt::Display for Matrix<R, C> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.cells {
            let line = row.iter().map(|cell| format!("{cell:6.2}")).collect::<Vec<_>>().join(" ");
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

pub async fn parse<E>(text: &str, fail: impl Fn(&str) -> E) -> Result<Vec<f64>, E> {
    let mut found = Vec::new();
    for word in text.split_whitespace() {
        match word.parse::<f64>() {
            Ok(value) if value.is_finite() => found.push(value),
            Ok(_) | Err(_) => return Err(fail(word)),
        }
    }
    Ok(found)
}

macro_rules! square {
    ($x:expr) => {
        $x * $x
    };
}

unsafe fn first<'a, T>(items: *const T, length: usize) -> Option<&'a T> {
    if length == 0 {
        return None;
    }
    Some(&*items)
}
