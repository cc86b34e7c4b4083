//! What a SQLite file holds, as text: its version, what it declares and each row, as SQL.

use rusqlite::{Connection, types::ValueRef};

/// Bytes are told in hexadecimal, and text as it is; so are bodies, which are JSON.
fn literal(value: ValueRef<'_>) -> String {
    let quoted = |text: &[u8]| format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''").replace('\n', "\\n"));
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => quoted(text),
        ValueRef::Blob(json) if json.starts_with(b"{") && str::from_utf8(json).is_ok() => {
            format!("CAST({} AS BLOB)", quoted(json))
        }
        ValueRef::Blob(bytes) => format!("X'{}'", data_encoding::HEXUPPER.encode(bytes)),
    }
}

pub(super) fn dump(connection: &Connection) -> String {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
    let mut lines = vec![format!("PRAGMA user_version = {version};")];
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).expect("SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("read");
        rows.collect::<Result<_, _>>().expect("text")
    };
    let declared = texts("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name");
    lines.extend(declared.iter().map(|sql| format!("{};", sql.split_whitespace().collect::<Vec<_>>().join(" "))));
    for table in texts("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
        // In the order of its key, and not in that of an index.
        let mut statement = connection.prepare(&format!("SELECT * FROM {table} NOT INDEXED")).expect("SQL");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("read");
        while let Some(row) = rows.next().expect("read") {
            let values = (0..columns).map(|column| literal(row.get_ref(column).expect("a value")));
            lines.push(format!("INSERT INTO {table} VALUES ({});", values.collect::<Vec<_>>().join(", ")));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}
