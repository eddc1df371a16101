// Functions of SQL that are SQLite's own in what they give. SQLite's take a time that grows with
// the square of a text, in a single step that nothing can break off.
#pragma once

struct sqlite3;

namespace postern::dialect::kumo {

/// instr, replace, and trim, ltrim and rtrim of two arguments. Throws where SQLite does not take
/// them.
void add_sqlite_functions(sqlite3* handle);

}  // namespace postern::dialect::kumo
