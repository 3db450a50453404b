//! Parquet: a table for pandas, DuckDB, Polars and Spark, with the columns of `columns.rs`, typed and
//! compressed with zstd. Times are timestamps in UTC.
//!
//! Rows gather column by column and are written in groups, so memory does not grow with the recording.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::columns::{COLUMNS, Column, Kind, Value};
use crate::entry::Entry;
use crate::sink::{Format, Opened, Opening, Output, Sink, SinkError};

/// Parquet.
pub const FORMAT: Format = Format {
    name: "parquet",
    about: "a table for pandas, DuckDB and Spark",
    takes: &[],
    payload_of: |_, _| false,
    grows: false,
    counted: None,
    open,
};

/// A group of rows is written once it has this many,
const GROUP_ROWS: usize = 64 * 1024;
/// or this much text.
const GROUP_BYTES: usize = 8 << 20;

struct Parquet<'a> {
    out: SerializedFileWriter<Output<'a>>,
    columns: Vec<Cells>,
    rows: usize,
}

fn open<'a>(out: Output<'a>, _: &Opening) -> Opened<'a> {
    let compression = Compression::ZSTD(ZstdLevel::try_new(1).map_err(failed)?);
    let properties = WriterProperties::builder().set_compression(compression).set_created_by(CREATED_BY.to_owned());
    let out =
        SerializedFileWriter::new(out, schema().map_err(failed)?, Arc::new(properties.build())).map_err(failed)?;
    Ok(Box::new(Parquet { out, columns: COLUMNS.iter().map(|_| Cells::default()).collect(), rows: 0 }))
}

const CREATED_BY: &str = concat!("danmu version ", env!("CARGO_PKG_VERSION"));

impl Sink for Parquet<'_> {
    fn message(&mut self, entry: &Entry<'_>) -> Result<(), SinkError> {
        let mut bytes = 0;
        for (column, cells) in COLUMNS.iter().zip(&mut self.columns) {
            cells.push((column.of)(entry));
            bytes += cells.text.len();
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || bytes >= GROUP_BYTES {
            self.write_group().map_err(failed)?;
        }
        Ok(())
    }

    /// Nothing can be read before the footer, so there is nothing to hand on.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        if self.rows > 0 {
            self.write_group().map_err(failed)?;
        }
        self.out.finish().map_err(failed)?;
        Ok(io::Write::flush(self.out.inner_mut())?)
    }
}

impl Parquet<'_> {
    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.out.next_row_group()?;
        for (column, cells) in COLUMNS.iter().zip(&mut self.columns) {
            let mut writer = group.next_column()?.ok_or(ParquetError::General("a column is missing".into()))?;
            cells.write(column.kind, &mut writer)?;
            writer.close()?;
            cells.clear();
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

/// The values of one column in one group.
#[derive(Debug, Default)]
struct Cells {
    /// 1 where there is a value, 0 where it is absent.
    present: Vec<i16>,
    numbers: Vec<i64>,
    flags: Vec<bool>,
    /// All texts, one after the other,
    text: Vec<u8>,
    /// and where each ends.
    ends: Vec<usize>,
}

impl Cells {
    fn push(&mut self, value: Value<'_>) {
        self.present.push((value != Value::Absent).into());
        match value {
            Value::Absent => {}
            Value::Number(number) => self.numbers.push(number),
            Value::Flag(flag) => self.flags.push(flag),
            Value::Text(text) => {
                self.text.extend_from_slice(text.as_bytes());
                self.ends.push(self.text.len());
            }
        }
    }

    fn write(&mut self, kind: Kind, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let present = Some(&*self.present);
        match kind {
            Kind::Number | Kind::Micros | Kind::Millis => {
                writer.typed::<Int64Type>().write_batch(&self.numbers, present, None)?;
            }
            Kind::Flag => {
                writer.typed::<BoolType>().write_batch(&self.flags, None, None)?;
            }
            Kind::Text => {
                let text = Bytes::from(std::mem::take(&mut self.text));
                let mut start = 0;
                let texts: Vec<ByteArray> = (self.ends.iter())
                    .map(|&end| ByteArray::from(text.slice(std::mem::replace(&mut start, end)..end)))
                    .collect();
                writer.typed::<ByteArrayType>().write_batch(&texts, present, None)?;
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.present.clear();
        self.numbers.clear();
        self.flags.clear();
        self.text.clear();
        self.ends.clear();
    }
}

fn schema() -> Result<TypePtr, ParquetError> {
    let fields = COLUMNS.iter().map(|column| field(column).map(Arc::new)).collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("message").with_fields(fields).build()?))
}

fn field(column: &Column) -> Result<Type, ParquetError> {
    let timestamp = |unit| Some(LogicalType::timestamp(true, unit));
    let (physical, logical, repetition) = match column.kind {
        Kind::Number => (Physical::INT64, None, Repetition::OPTIONAL),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL),
        Kind::Micros => (Physical::INT64, timestamp(TimeUnit::MICROS), Repetition::OPTIONAL),
        Kind::Millis => (Physical::INT64, timestamp(TimeUnit::MILLIS), Repetition::OPTIONAL),
        Kind::Flag => (Physical::BOOLEAN, None, Repetition::REQUIRED),
    };
    Type::primitive_type_builder(column.name, physical).with_logical_type(logical).with_repetition(repetition).build()
}

/// What went wrong is always the output: all that is written here is of the types that were announced.
fn failed(error: ParquetError) -> SinkError {
    SinkError::Write(match error {
        ParquetError::External(cause) => match cause.downcast() {
            Ok(cause) => *cause,
            Err(cause) => io::Error::other(cause),
        },
        error => io::Error::other(error),
    })
}
