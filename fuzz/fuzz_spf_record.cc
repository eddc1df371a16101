// SPF: a record, and an evaluation whose every answer comes from the input, keep their bounds.
// Input: client octet, then lines: sender, HELO name, record, answers.
#include "base/text.h"
#include "invariant.h"
#include "mailauth/names.h"
#include "mailauth/spf/check_host.h"
#include "mailauth/spf/macro.h"
#include "mailauth/spf/record.h"

namespace {

using namespace mailauth;
using postern::fuzz::must;

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

void check_record(std::string_view text) {
  const auto record = spf::Record::parse(text);
  if (!record) {
    must(!record.error().message().empty(), "an error says what it is");
    return;
  }
  const std::string whole(text);
  for (const spf::Term& term : record->terms()) {
    const std::string words(record->text(term.text));
    must(whole.find(words) != std::string::npos, "a term is part of its record");
    must(words.find(' ') == std::string::npos, "a term is one word");
    must(term.prefix4 <= 32 && term.prefix6 <= 128, "prefix lengths are in range");
    must(spf::Record::parse("v=spf1 " + words).has_value(), "a term alone parses too");
  }
}

void check_answer(const spf::Result& result) {
  must(result.queries <= spf::max_queries, "at most 64 questions");
  must(result.lookup_terms <= spf::max_lookup_terms, "at most ten terms");
  must(result.explanation.size() <= spf::max_explanation, "explanations are short");
  for (const char c : result.explanation + result.reason + result.domain) {
    must(postern::is_printable_ascii(c), "texts are printable ASCII");
  }
  must(result.explanation.empty() || result.status == spf::Status::fail,
       "only a fail is explained");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool v6 = !text.empty() && (text[0] & 1) != 0;
  text.remove_prefix(std::min<std::size_t>(1, text.size()));
  spf::Request request{.client =
                           postern::IpAddress::parse(v6 ? "2001:db8::1" : "192.0.2.1").value()};
  request.mail_from = take_line(text);
  request.helo = take_line(text);
  const std::string record = "v=spf1 " + std::string(take_line(text));
  check_record(record);
  auto check = spf::check_host(std::move(request), {.receiver = "mx.example.org"});
  bool first = true;
  std::string_view rest = text;
  while (const Question* question = check.next()) {
    must(spf::is_askable(question->name), "a question has a name that can be asked for");
    Answer answer{.status = Answer::Status::found, .records = {}};
    if (first) {
      answer.records.push_back(record);
    } else {
      if (rest.empty()) rest = text;
      const std::string_view line = take_line(rest);
      if (line.empty()) answer.status = Answer::Status::nx_domain;
      if (line == "!") answer.status = Answer::Status::failure;
      for (const std::string_view part : postern::split(line, '\t')) {
        answer.records.emplace_back(part);
      }
    }
    first = false;
    check.feed(std::move(answer));
  }
  check_answer(check.result());
  return 0;
}
