#include "dialect/restrictions/manual.h"

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/capabilities.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/rules.h"
#include "dialect/restrictions/table_types.h"

namespace postern::dialect::restrictions {

namespace {

std::string_view subject_of(Subject subject) {
  switch (subject) {
    case Subject::list:
      return "whatever its list is about";
    case Subject::client:
      return "the client";
    case Subject::reverse_client:
      return "the client's unverified name";
    case Subject::helo:
      return "the HELO name";
    case Subject::sender:
      return "the sender";
    case Subject::recipient:
      return "the recipient";
    case Subject::data:
      return "the transaction at DATA";
    case Subject::end_of_data:
      return "the transaction at the end of data";
    case Subject::certificate:
      return "the client's certificate";
    case Subject::login:
      return "the client's login";
    case Subject::listener:
      return "the listener";
    case Subject::etrn:
      return "the domain of ETRN";
  }
  return {};
}

std::string_view argument_words(Keyword::Takes takes) {
  switch (takes) {
    case Keyword::Takes::nothing:
      return "";
    case Keyword::Takes::zone:
      return " ZONE";
    case Keyword::Takes::table:
      return " TABLE";
    case Keyword::Takes::service:
      return " SERVICE";
    case Keyword::Takes::seconds:
      return " SECONDS";
  }
  return {};
}

std::string keyword_answer(const Keyword& keyword) {
  // The default reply of these two has no parameter.
  if (keyword.name == "defer_if_permit" || keyword.name == "defer_if_reject") return "450 4.7.0";
  if (keyword.kind != Keyword::Class::reject) return {};
  if (keyword.code_parameter.empty()) return keyword.enhanced.to_string();
  const auto value =
      parse_number(default_value(keyword.code_parameter, "3.6").value_or("")).value_or(0);
  const std::uint16_t code = code_for(keyword, static_cast<std::uint16_t>(value));
  smtp::EnhancedCode enhanced = keyword.enhanced;
  enhanced.klass = static_cast<std::uint8_t>(code / 100);
  return fmt::format("{} {} (`{}`{})", code, enhanced.to_string(), keyword.code_parameter,
                     code == value ? "" : " less 100");
}

}  // namespace

std::string keyword_manual() {
  std::string out =
      "# Words of restriction lists\n\n"
      "Made from `src/dialect/restrictions/keywords.cc`; `postern help keywords` prints it. How "
      "the lists "
      "work: [restriction-lists.md](restriction-lists.md).\n\n"
      "| word | looks at | what it says | refuses with |\n|---|---|---|---|\n";
  for (const Keyword& one : keywords()) {
    const std::string former =
        one.former.empty() ? std::string() : fmt::format(", formerly `{}`", one.former);
    out += fmt::format("| `{}{}`{} | {} | {} | {} |\n", one.name, argument_words(one.takes), former,
                       subject_of(one.subject), one.help, keyword_answer(one));
  }
  out +=
      "\n## Tables\n\nMade from `src/dialect/restrictions/table_types.cc`. `proxy:` before a "
      "type is ignored.\n\n| type | what it is | |\n|---|---|---|\n";
  for (const TableType& one : table_types()) {
    const bool read = one.kind != TableType::Kind::foreign;
    out += fmt::format("| `{}` | {} | {} |\n", one.name, read ? one.help : "not read",
                       !read ? one.help
                       : one.name == "lmdb"
                           ? "the file that postmap makes of it is read if there is no source"
                       : one.indexed ? "the file that postmap makes of it is not read"
                                     : "");
  }
  return out;
}

std::string capability_manual() {
  std::string out =
      "# Parts of other mail servers\n\nTheir counterparts in Postern. Made from "
      "`src/dialect/capabilities.h`, from which `postern import` and `postern help capabilities` "
      "take their words, too.\n\n| part | here | |\n|---|---|---|\n";
  for (const Capability& one : capabilities) {
    out += fmt::format("| {} | {} | {} |\n", one.name, one.has ? "yes" : "no", one.sentence);
  }
  return out;
}

}  // namespace postern::dialect::restrictions
