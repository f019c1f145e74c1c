//! The fields of a form (`multipart/form-data`).

use axum::{
    extract::{
        DefaultBodyLimit, FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::StatusCode,
};

use super::upload::{check_options, malformed, too_large};
use crate::error::{Error, Result};

/// The field that holds the picture, and the JSON member.
pub(super) const IMAGE: &str = "image";

/// A form whose fields are read one after the other.
pub(super) struct Form {
    fields: Multipart,
    limit: usize,
    /// What the options have taken so far, in bytes.
    size: usize,
}

/// A field of a form.
#[allow(clippy::large_enum_variant)] // there is one at a time
pub(super) enum FormField<'a> {
    /// The picture, not read yet.
    Image(Image<'a>),
    /// An option: its name and value.
    Option(String, String),
}

/// The field that holds the picture.
pub(super) struct Image<'a> {
    field: Field<'a>,
    limit: usize,
}

impl Form {
    /// The form in the body of `request`, which may have `limit` bytes.
    pub async fn open(mut request: Request, limit: usize) -> Result<Self> {
        DefaultBodyLimit::max(limit).apply(&mut request);
        let fields = Multipart::from_request(request, &()).await;
        let fields = fields.map_err(|rejection| malformed("malformed_form", rejection.body_text()))?;
        Ok(Self { fields, limit, size: 0 })
    }

    /// The next field; `None` after the last. Too many options are a 413.
    pub async fn next(&mut self) -> Result<Option<FormField<'_>>> {
        let limit = self.limit;
        let Some(field) = self.fields.next_field().await.map_err(|error| refuse(&error, limit))? else {
            return Ok(None);
        };
        let name = field.name().unwrap_or_default().to_owned();
        if name == IMAGE {
            return Ok(Some(FormField::Image(Image { field, limit })));
        }
        let value = field.text().await.map_err(|error| refuse(&error, limit))?;
        // Fields without content count too.
        self.size += name.len() + value.len() + 1;
        check_options(self.size)?;
        Ok(Some(FormField::Option(name, value)))
    }
}

impl Image<'_> {
    /// The picture's file.
    pub async fn bytes(self) -> Result<bytes::Bytes> {
        self.field.bytes().await.map_err(|error| refuse(&error, self.limit))
    }
}

fn refuse(error: &MultipartError, limit: usize) -> Error {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(limit);
    }
    malformed("malformed_form", format!("the form cannot be read: {}", error.body_text()))
}
