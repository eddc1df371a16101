// Files of LMDB, as postmap writes them: their rows are a text that a texthash: table takes.
#include "base/text.h"
#include "dialect/restrictions/lmdb_text.h"
#include "dialect/restrictions/table.h"
#include "invariant.h"

using namespace postern;
using namespace postern::dialect::restrictions;
using fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string file(reinterpret_cast<const char*>(data), size);
  const Result<std::string> text = text_of_lmdb(file);
  if (!text) {
    must(text.error().fault == Fault::malformed, "a bad file is malformed");
    return 0;
  }
  must(text->size() <= size, "no row has octets that the file has not");
  must(text->empty() || text->back() == '\n', "whole lines");
  must(text->find('\0') == std::string::npos, "no NUL");
  const auto read = [&](const std::string&) { return text; };
  const auto table = open_table("texthash:/t", {.read = read});
  must(table.has_value(), "each row is a line of a table");
  return 0;
}
