//! A fresh database for each test, on either engine.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use store::{Engine, Store};

/// A migrated database of a test's own.
pub struct Case {
    pub store: Store,
    pub url: String,
    folder: PathBuf,
}

static CASES: AtomicU32 = AtomicU32::new(0);

impl Case {
    /// A file of this case's own.
    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Runs a statement past the store, to make what the store itself never makes.
    pub async fn damage(&self, sql: &str) {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        assert!(done.rows_affected() > 0, "nothing was damaged by: {sql}");
        connection.close().await.unwrap();
    }

    /// Changes the schema past the store, as a later program would.
    pub async fn alter(&self, sql: &str) {
        let mut connection = AnyConnection::connect(&self.url).await.unwrap();
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// Runs one test on one engine.
pub fn run<F: Future<Output = ()>>(engine: Engine, test: impl FnOnce(Case) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let number = CASES.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sibai-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.join("sibai.db").display()),
            Engine::Postgres => postgres_database(number).await,
        };
        let store = Store::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        let (open, folder_of_case) = (store.clone(), folder.clone());
        test(Case { store, url, folder: folder_of_case }).await;
        open.close().await;
        std::fs::remove_dir_all(folder).unwrap();
    });
}

async fn postgres_database(number: u32) -> String {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&crate::postgres::address("postgres")).await.unwrap();
    let sql = format!("create database case_{number} template template0 encoding 'UTF8' locale 'C'");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    crate::postgres::address(&format!("case_{number}"))
}

/// Makes each named `async fn(Case)` a test on SQLite and a test on PostgreSQL.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { $crate::case::run(store::Engine::Sqlite, super::$name) })+
        }
        mod postgres {
            $(#[test] fn $name() { $crate::case::run(store::Engine::Postgres, super::$name) })+
        }
    };
}
