#include <algorithm>

#include "dialect/vsl/parser_core.h"

namespace postern::dialect::vsl {

namespace {

struct Spelling {
  std::string_view written;
  std::string_view type;
};
/// Types of objects, with old spellings.
constexpr Spelling types[] = {
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

/// Empty: there is no such type.
std::string_view type_of(std::string_view written) {
  const auto* const found = std::ranges::find(types, written, &Spelling::written);
  return found == std::ranges::end(types) ? std::string_view() : found->type;
}

std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
  for (const Spelling& one : types) names.push_back(one.written);
  return names;
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
  made->word = type_of(type.text);
  made->word_at = type.at;
  if (made->word.empty()) {
    std::string hint = nearest_of(type.text, type_names());
    if (hint.empty()) {
      hint =
          "types are ip4, ip6, rg4, rg6, address, fqdn, identifier, string, regex, file, group "
          "and code";
    }
    fail_at(type.at, "there is no object type `" + type.text + "`", std::move(hint));
  }
  if (take(":")) {
    const Name content = name("the type of the file's lines");
    made->content = type_of(content.text);
    const bool bad = made->content.empty() || made->content == "file" || made->content == "group" ||
                     made->content == "code";
    if (made->word != "file") {
      fail_at(content.at, "an object of type `" + made->word + "` has no second type",
              "only `file` has one: `file:" + content.text + "`");
    }
    if (bad) {
      fail_at(content.at, "the lines of a file cannot be of type `" + content.text + "`",
              nearest_of(content.text, type_names()));
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
    std::string hint = nearest_of(kind.text, {std::begin(kinds), std::end(kinds)});
    fail_at(kind.at, "there is no service type `" + kind.text + "`",
            hint.empty() ? "types are cmd, smtp and db" : std::move(hint));
  }
  made->word = std::move(kind.text);
  if (take(":")) {
    Name database = name("the type of the database");
    const bool known = std::ranges::find(databases, database.text) != std::ranges::end(databases);
    if (made->word != "db" || !known) {
      std::string hint = nearest_of(database.text, {std::begin(databases), std::end(databases)});
      fail_at(database.at, "there is no service type `" + made->word + ":" + database.text + "`",
              hint.empty() ? "databases are db:csv, db:mysql and db:sqlite" : std::move(hint));
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
