// SQL functions that give the same results as SQLite's own. The time of SQLite's functions grows
// with the square of the text's length, in a single step that cannot be interrupted.
#pragma once

struct sqlite3;

namespace postern::dialect {

/// Replaces instr and replace, and trim, ltrim and rtrim with two arguments. Throws a sentence if
/// SQLite refuses them.
void add_sqlite_functions(sqlite3* handle);

}  // namespace postern::dialect
