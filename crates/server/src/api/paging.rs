//! The page of a list that begins with the latest.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::calls::value;
use crate::ops::Outcome;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Older than this one, by its id: where the page before ended.
    older_than: Option<String>,
    /// At most; 100 unless said, 1000 at most.
    #[serde(default = "super::page_usual")]
    pub limit: u32,
}

impl Paging {
    /// Where the page before ended.
    ///
    /// # Errors
    /// It is no id.
    pub fn behind<T: DeserializeOwned>(&self) -> Outcome<Option<T>> {
        value("older_than", self.older_than.clone())
    }
}
