// DMARC: a record, and evaluations whose every answer comes from the input, keep their bounds.
// Input: option octet, then lines: author domain, SPF domain, DKIM domain, answers.
#include "base/text.h"
#include "invariant.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/names.h"

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
  const auto record = dmarc::Record::parse(text);
  if (!record) return;
  must(record->pct <= 100, "pct is a percentage");
  must(record->rua.size() <= dmarc::max_uris && record->ruf.size() <= dmarc::max_uris,
       "addresses are few");
  for (const std::string& uri : record->rua) {
    must(uri.find_first_of(" ,;\r\n") == std::string::npos, "an address is one word");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const SuffixList suffixes = SuffixList::from_rules("com\nco.uk\nuk\n*.jp\n!city.jp\n");
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check_record(text);
  const unsigned bits = text.empty() ? 0 : static_cast<unsigned char>(text[0]);
  text.remove_prefix(std::min<std::size_t>(1, text.size()));
  dmarc::Request request;
  request.from_domain = take_line(text);
  request.spf = {static_cast<dmarc::Identifier::Outcome>(bits % 3), std::string(take_line(text))};
  request.dkim = {
      {static_cast<dmarc::Identifier::Outcome>(bits / 3 % 3), std::string(take_line(text))}};
  dmarc::Options options{.suffixes = &suffixes};
  if ((bits & 0x80) != 0) options.mode = dmarc::Mode::tree_walk;
  if ((bits & 0x40) != 0) options.draw = bits % 100;
  auto evaluation = dmarc::evaluate(std::move(request), options);
  std::string_view rest = text;
  while (const Question* question = evaluation.next()) {
    must(is_normal_domain(question->name), "a question has a normal name");
    if (rest.empty()) rest = text;
    const std::string_view line = take_line(rest);
    Answer answer{.status = Answer::Status::found, .records = {}};
    if (line.empty()) answer.status = Answer::Status::nx_domain;
    if (line == "!") answer.status = Answer::Status::failure;
    for (const std::string_view part : postern::split(line, '\t')) {
      answer.records.emplace_back(part);
    }
    evaluation.feed(std::move(answer));
  }
  const dmarc::Result result = evaluation.result();
  must(result.queries <= dmarc::max_queries, "questions are bounded");
  must(result.disposition == dmarc::Policy::none || result.status == dmarc::Status::fail,
       "only a fail asks for something");
  must(result.disposition <= result.policy, "pct and t only lower a policy");
  must((result.status == dmarc::Status::pass) == (result.spf_aligned || result.dkim_aligned),
       "a pass has an aligned identifier");
  return 0;
}
