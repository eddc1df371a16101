#include <algorithm>
#include <span>

#include "base/text.h"
#include "dialect/vsl/parser_core.h"

namespace postern::dialect::vsl {

namespace {

struct Spelling {
  std::string_view written;
  std::string_view type;
};
/// Types of objects, with old spellings.
constexpr Spelling type_spellings[] = {
    {"ip4", "ip4"},          {"ip6", "ip6"},
    {"rg4", "rg4"},          {"rg6", "rg6"},
    {"fqdn", "fqdn"},        {"address", "address"},
    {"addr", "address"},     {"identifier", "identifier"},
    {"ident", "identifier"}, {"string", "string"},
    {"str", "string"},       {"val", "string"},
    {"regex", "regex"},      {"file", "file"},
    {"group", "group"},      {"code", "code"},
};
constexpr std::string_view kinds[] = {"cmd", "smtp", "db"};
constexpr std::string_view databases[] = {"csv", "mysql", "sqlite"};

/// The type that a spelling names; empty: none.
std::string_view object_type_of(std::string_view written) {
  const auto* const found = std::ranges::find(type_spellings, written, &Spelling::written);
  return found == std::ranges::end(type_spellings) ? std::string_view() : found->type;
}

bool can_be_a_line(std::string_view type) {
  return !type.empty() && type != "file" && type != "group" && type != "code";
}

std::string type_hint(std::string_view written, bool of_a_line) {
  std::vector<std::string_view> names;
  for (const Spelling& one : type_spellings) {
    if (!of_a_line || can_be_a_line(one.type)) names.push_back(one.written);
  }
  const auto near = nearest(written, names);
  if (near) return "did you mean `" + std::string(*near) + "`?";
  return std::string("types are ip4, ip6, rg4, rg6, address, fqdn, identifier, string") +
         (of_a_line ? " and regex" : ", regex, file, group and code");
}

/// A hint with the nearest of the words, else `all`.
std::string hint_of(std::string_view written, std::span<const std::string_view> words,
                    const char* all) {
  const auto near = nearest(written, {words.begin(), words.end()});
  return near ? "did you mean `" + std::string(*near) + "`?" : all;
}

}  // namespace

NodePtr Parser::directive() {
  NodePtr made = make(Kind::directive, token().at);
  made->word = token().text;
  made->word_at = token().at;
  ++next_;
  const Nest nest(*this);
  NodePtr through;
  if (made->word == "delegate") through = postfix(primary());
  if (token().kind != TokenKind::string) {
    unexpected("the name of the " + made->word + " in double quotes",
               "as in `" + made->word + (made->word == "delegate" ? " service" : "") +
                   " \"name\" || { ... }`");
  }
  made->text = token().text;
  made->text_at = token().at;
  ++next_;
  add(*made, expression());
  add(*made, std::move(through));
  return made;
}

NodePtr Parser::object() {
  NodePtr made = make(Kind::object, expect("object"));
  const Nest nest(*this);
  Name called = name("the name of the object");
  made->text = std::move(called.text);
  made->text_at = called.at;
  const Name type = name("the type of the object");
  made->word = object_type_of(type.text);
  made->word_at = type.at;
  if (made->word.empty()) {
    fail_at(type.at, "there is no object type `" + type.text + "`", type_hint(type.text, false));
  }
  if (take(":")) {
    const Name content = name("the type of the file's lines");
    made->content = object_type_of(content.text);
    if (made->word != "file") {
      fail_at(content.at, "an object of type `" + made->word + "` has no second type",
              "only `file` has one: `file:" + content.text + "`");
    }
    if (!can_be_a_line(made->content)) {
      fail_at(content.at, "the lines of a file cannot be of type `" + content.text + "`",
              type_hint(content.text, true));
    }
  } else if (made->word == "file") {
    unexpected("`:` and the type of the file's lines", "as in `file:fqdn`");
  }
  expect("=");
  add(*made, expression());
  return made;
}

NodePtr Parser::service() {
  NodePtr made = make(Kind::service, expect("service"));
  const Nest nest(*this);
  Name called = name("the name of the service");
  made->text = std::move(called.text);
  made->text_at = called.at;
  Name kind = name("the type of the service");
  made->word_at = kind.at;
  if (std::ranges::find(kinds, kind.text) == std::ranges::end(kinds)) {
    fail_at(kind.at, "there is no service type `" + kind.text + "`",
            hint_of(kind.text, kinds, "types are cmd, smtp and db"));
  }
  made->word = std::move(kind.text);
  if (take(":")) {
    Name database = name("the type of the database");
    const bool known = std::ranges::find(databases, database.text) != std::ranges::end(databases);
    if (made->word != "db" || !known) {
      fail_at(database.at, "there is no service type `" + made->word + ":" + database.text + "`",
              hint_of(database.text, databases, "databases are db:csv, db:mysql and db:sqlite"));
    }
    made->content = std::move(database.text);
  } else if (made->word == "db") {
    unexpected("`:` and the type of the database", "as in `db:csv`");
  }
  expect("=");
  add(*made, expression());
  return made;
}

}  // namespace postern::dialect::vsl
