// Reads the files that postmap(1) and postalias(1) write for tables of the type lmdb.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::dialect::restrictions {

/// The rows of an LMDB file, the whole of which is `file`, as the lines of a texthash: table, in
/// the order of keys. A NUL at the end of a key or a value is removed (lmdb_table(5)). Rows that
/// are no line of such a table are left out: a key with blanks outside quotes, an empty value.
/// Never reads beyond `file`, whatever is in it; the text is no longer than the file.
/// Fault::malformed: it is no LMDB file, or is being written.
Result<std::string> text_of_lmdb(std::string_view file);

/// The text of a table's source file: of `octets` unchanged, or, if `path` ends in ".lmdb" and they
/// are a compiled table, its rows. Of /etc/passwd and /etc/group only the names.
Result<std::string> source_text(std::string_view path, std::string octets);

}  // namespace postern::dialect::restrictions
