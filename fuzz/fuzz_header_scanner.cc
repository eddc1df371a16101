// The header scanner: equal counts for all chunks, and constant memory.
#include <algorithm>

#include "invariant.h"
#include "mail/header_scanner.h"

namespace {

using postern::fuzz::must;
using postern::mail::HeaderScanner;

HeaderScanner scan(std::string_view message, std::size_t step) {
  HeaderScanner scanner;
  for (std::size_t at = 0; at < message.size(); at += step) scanner.feed(message.substr(at, step));
  scanner.finish();
  return scanner;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data + 1), size - 1);
  const HeaderScanner whole = scan(message, message.size() + 1);
  const HeaderScanner pieces = scan(message, std::size_t{1} + data[0] % 70);
  must(whole.fields() == pieces.fields() && whole.received_fields() == pieces.received_fields() &&
           whole.from_fields() == pieces.from_fields() && whole.odd_lines() == pieces.odd_lines() &&
           whole.size() == pieces.size() && whole.message_id() == pieces.message_id(),
       "pieces make no difference");
  must(whole.size() <= message.size(), "the header is part of the message");
  must(whole.received_fields() + whole.from_fields() <= whole.fields(),
       "kinds of fields are fields");
  const auto lines =
      static_cast<std::uint64_t>(std::count(message.begin(), message.end(), '\n')) + 1;
  must(whole.fields() + whole.odd_lines() <= lines, "a line is counted once");
  must(whole.message_id().size() <= 998, "Message-ID is bounded");
  must(whole.message_id().find_first_of("\r\n") == std::string::npos, "Message-ID is unfolded");
  return 0;
}
