// Tables of .vsl services and the field of delegated messages: a written row reads back unchanged,
// the rows of a table cover it in order, and a text that was not issued cannot be redeemed.
#include <stdexcept>
#include <string>
#include <string_view>

#include "dialect/vsl/csv_table.h"
#include "dialect/vsl/delegation.h"
#include "invariant.h"

namespace {

using namespace postern::dialect::vsl;
using postern::fuzz::must;

void check_table(std::string_view text, char delimiter) {
  std::size_t at = 0;
  std::size_t end = 0;
  try {
    while (const auto row = next_csv_row(text, at, delimiter)) {
      must(!row->fields.empty(), "a row has a field");
      must(row->begin >= end && row->begin < at && at <= text.size(), "rows stand in order");
      end = at;
      const std::string line = csv_line(row->fields, delimiter);
      std::size_t again_at = 0;
      const auto again = next_csv_row(line, again_at, delimiter);
      must(again && again->fields == row->fields, "a row reads back");
      must(again_at == line.size(), "a row is one row");
    }
    must(at == text.size(), "all of it is read");
  } catch (const std::runtime_error&) {
    // A quote is not closed.
  }
}

void check_delegation(std::string_view text) {
  static Delegations out;
  static const std::string issued = out.issue({postern::policy::Stage::queued, "scan"});
  if (text.find(issued.substr(issued.find("id=") + 4, 64)) != std::string_view::npos) return;
  must(!out.redeem(text), "what was not issued is nothing");
  must(out.outstanding() == 1, "and uses nothing up");
  const Delegation named{postern::policy::Stage::delivery, std::string(text)};
  const std::string value = out.issue(named);
  must(value.find_first_of("\r\n") == std::string::npos, "a name never ends the line");
  must(out.redeem(value) == named, "what was issued comes back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char delimiter : {',', ';', '\t', ' '}) check_table(text, delimiter);
  check_delegation(text);
  return 0;
}
