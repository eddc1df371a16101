// Delivery reports: made entirely of foreign octets, and still a message with all its parts. The
// first octet chooses kind and form; each of the following fields ends in octet 30; the rest is the
// original.
#include <algorithm>

#include "base/text.h"
#include "invariant.h"
#include "relay/report.h"

namespace {

using namespace postern;
using fuzz::must;

constexpr std::string_view unique = "01JD0000000000000000000000";

relay::Original scan(std::string_view message, std::size_t piece) {
  relay::OriginalScan scanner;
  for (std::size_t at = 0; at < message.size(); at += piece)
    scanner.feed(message.substr(at, piece));
  return scanner.finish();
}

std::string take_field(std::string_view& input) {
  const std::size_t end = std::min(input.find('\x1e'), input.size());
  std::string field(input.substr(0, end));
  input.remove_prefix(std::min(end + 1, input.size()));
  return field;
}

void check_lines(std::string_view text, bool eight_bit) {
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    must(end != text.npos, "every line ends in CRLF");
    const std::string_view line = text.substr(0, end);
    must(line.size() <= 998, "a line is within RFC 5322");
    must(line.find_first_of(std::string_view("\r\n\0", 3)) == line.npos, "no bare CR, LF or NUL");
    must(eight_bit || is_ascii(line), "8 bits are declared");
    text.remove_prefix(end + 2);
  }
}

/// Counts the lines of `text` that begin with this boundary.
std::size_t boundaries(std::string_view text, std::string_view boundary) {
  const std::string mark = "\r\n--" + std::string(boundary);
  std::size_t n = 0;
  for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + 1)) ++n;
  return n;
}

/// The header has our fields, each once, whatever the foreign octets are.
void check_header(std::string_view text) {
  const std::string_view header = text.substr(0, text.find("\r\n\r\n"));
  std::size_t fields = 0;
  for (const std::string_view line : split(header, '\n')) {
    if (line.starts_with(' ') || line.starts_with('\t')) continue;
    const std::string_view name = line.substr(0, line.find(':'));
    static constexpr std::string_view known[] = {
        "From",           "To",          "Subject",    "Date",        "Message-ID", "MIME-Version",
        "Auto-Submitted", "In-Reply-To", "References", "Content-Type"};
    must(std::find(std::begin(known), std::end(known), name) != std::end(known), "a field of ours");
    ++fields;
  }
  must(fields == 8 || fields == 10, "each field once");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t choice = data[0];
  std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  relay::ReportOccasion given{.kind = static_cast<relay::ReportKind>(choice & 3)};
  const smtp::ResultClass classes[] = {smtp::ResultClass::permanent, smtp::ResultClass::temporary,
                                       smtp::ResultClass::delivered, smtp::ResultClass::delivered};
  relay::ReportedRecipient recipient{.klass = classes[choice & 3]};
  given.smtputf8 = (choice & 4) != 0;
  given.requiretls = (choice & 8) != 0;
  given.client =
      (choice & 16) != 0 ? relay::ClientStanding::trusted : relay::ClientStanding::stranger;
  if ((choice & 32) != 0) given.ret = "FULL";
  given.spf_pass = true;
  const relay::ReportSettings settings{.hostname = "relay.example.org",
                                       .hop_smtputf8 = (choice & 64) != 0};
  given.reverse_path = take_field(input);
  recipient.address = take_field(input);
  recipient.notify = take_field(input);
  recipient.orcpt = take_field(input);
  recipient.reply = take_field(input);
  recipient.remote = take_field(input);
  recipient.finding = take_field(input);
  given.envid = take_field(input);
  given.helo = take_field(input);
  given.recipients = {recipient};

  const relay::Original original = scan(input, input.size() + 1);
  const relay::Original again = scan(input, 1 + choice % 7);
  must(again.header_size == original.header_size && again.digest == original.digest &&
           again.message_id == original.message_id && again.automatic == original.automatic &&
           again.header.plain == original.header.plain && again.body.plain == original.body.plain,
       "the same whatever the pieces");
  must(original.header_size <= original.size && original.size == input.size(), "sizes are right");
  const std::string_view header = input.substr(0, original.header_size);
  must(header.find("\r\n\r\n") == header.npos && header.find("\n\n") == header.npos,
       "no body in the header");
  if (relay::suppressed(given, original, settings)) return 0;

  const relay::Report report = relay::make_report(given, original, settings, {}, unique);
  const std::string text = relay::report_text(report, input);
  check_lines(text, report.eight_bit);
  check_header(text);
  const std::string boundary = std::string(unique) + "_" + original.digest;
  must(boundaries(text, boundary) == 4, "three parts and their end");
  must(report.returned.size == original.header_size || !given.requiretls, "REQUIRETLS: no body");
  must(report.returned.size <= original.size, "what is returned is there");
  return 0;
}
