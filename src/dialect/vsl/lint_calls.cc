// Checks arguments of host functions, as far as literals and declared objects show them.
#include <algorithm>
#include <optional>

#include "base/strangers.h"
#include "base/text.h"
#include "dialect/vsl/constants.h"
#include "dialect/vsl/lint_facts.h"
#include "dialect/vsl/object.h"

namespace postern::dialect::vsl {

namespace {

using AllowedWords = std::vector<std::string_view>;

/// The type of an argument that is a literal or a declared object.
struct SeenArgument {
  std::string_view type;  ///< "string", "i64", "ip4", ...: as `type_of` says
  const Node* literal = nullptr;
};

std::optional<SeenArgument> of_literal(const Node& node) {
  switch (node.kind) {
    case Kind::string:
      return SeenArgument{"string", &node};
    case Kind::interpolate:
      return SeenArgument{"string"};
    case Kind::integer:
      return SeenArgument{"i64", &node};
    case Kind::real:
      return SeenArgument{"f64", &node};
    case Kind::boolean:
      return SeenArgument{"bool", &node};
    case Kind::unit:
      return SeenArgument{"()"};
    case Kind::array:
      return SeenArgument{"array", &node};
    case Kind::map:
      return SeenArgument{"map", &node};
    case Kind::closure:
      return SeenArgument{"function"};
    case Kind::service:
      return SeenArgument{"service"};
    case Kind::object: {
      const Node& value = *node.nodes.front();
      const bool is_text = node.word == "string" && value.kind == Kind::string;
      return SeenArgument{node.word, is_text ? &value : nullptr};
    }
    default:
      return std::nullopt;
  }
}

class Arguments {
 public:
  Arguments(Lint& lint, const FileFacts& file, const Node& call, bool is_in_try,
            const std::function<const Node*(const Node&)>& declared)
      : lint_(lint), file_(file), call_(call), is_in_try_(is_in_try), declared_(declared) {}

  void run() {
    const std::size_t given = call_.nodes.size();
    const auto takes = [given](const Signature& one) {
      return one.function != nullptr && given >= one.least && given <= one.most;
    };
    const Signature host = lint_.host(file_, call_);
    const Signature method = given > 0 ? method_of(call_.text) : Signature{};
    const bool is_own = lint_.callee(file_, call_).function != nullptr;
    if (method.function != nullptr && !is_own && !takes(host)) {
      if (!takes(method)) wrong_number(method);
      return;
    }
    if (host.function == nullptr) return;
    if (!takes(host)) return wrong_number(host);
    if (types(host.function->parameters)) values();
  }

 private:
  std::optional<SeenArgument> seen(std::size_t index) const;
  void wrong_number(const Signature& host);
  bool types(std::string_view parameters);  ///< false: one is wrong
  /// False after it reports a text that is no address, where only an address is accepted.
  bool is_address(std::size_t index, std::string_view wanted);
  void values();
  /// `fatal`: the call fails with another word.
  void word(std::size_t index, const AllowedWords& words, std::string_view what,
            bool fatal = false);
  void reply(unsigned first, unsigned last);
  void hosts();
  /// Adds the networks that are written as literals.
  void networks_in(const Node& node, std::vector<Cidr>& networks, int depth = 0) const;
  void spf();
  void signed_fields();
  void texts_of(const Node& node, std::string (*refused)(std::string_view), int depth = 0);

  void warn(std::size_t index, std::string message, std::string hint = {}) {
    lint_.warn(file_, call_.nodes[index]->at, std::move(message), std::move(hint));
  }
  /// Reports a call that fails whenever it is reached.
  void fails(Position at, std::string message, std::string hint = {}) {
    if (is_in_try_) return lint_.warn(file_, at, std::move(message), std::move(hint));
    lint_.fails(file_, at, std::move(message), std::move(hint));
  }
  void fails(std::size_t index, std::string message, std::string hint = {}) {
    fails(call_.nodes[index]->at, std::move(message), std::move(hint));
  }
  bool is(std::string_view name) const { return call_.text == name; }
  /// The text of an argument if it is a literal.
  const std::string* text(std::size_t index) const {
    const std::optional<SeenArgument> there = seen(index);
    const bool is_text = there && there->type == "string" && there->literal != nullptr;
    return is_text ? &there->literal->text : nullptr;
  }

  Lint& lint_;
  const FileFacts& file_;
  const Node& call_;
  const bool is_in_try_;
  const std::function<const Node*(const Node&)>& declared_;
};

/// A constant counts as its literal; a variable of `let` may have changed.
std::optional<SeenArgument> Arguments::seen(std::size_t index) const {
  if (index >= call_.nodes.size()) return std::nullopt;
  const Node& node = *call_.nodes[index];
  if (node.kind != Kind::variable) return of_literal(node);
  const Node* declaration = declared_(node);
  if (declaration == nullptr) return std::nullopt;
  if (declaration->kind != Kind::let) return of_literal(*declaration);
  if (!declaration->flag || !declaration->nodes.front()) return std::nullopt;
  return of_literal(*declaration->nodes.front());
}

/// The value before the dot of `value.f(...)` is not counted.
void Arguments::wrong_number(const Signature& host) {
  const std::size_t value = call_.kind == Kind::method ? 1 : 0;
  const auto number = [value](std::size_t count) {
    return std::to_string(count - std::min(count, value));
  };
  std::string takes = number(host.least);
  if (host.most == std::string_view::npos) {
    takes += " or more";
  } else if (host.most > host.least) {
    takes += (host.most == host.least + 1 ? " or " : " to ") + number(host.most);
  }
  const bool one = host.least == 1 + value && host.most == 1 + value;
  std::string hint;
  if (host.most > 0) {
    hint = "its parameters: " + std::string(host.function->parameters);
  }
  fails(call_.at,
        shown(call_) + " takes " + takes + (one ? " argument" : " arguments") + ", not " +
            number(call_.nodes.size()),
        std::move(hint));
}

/// Whether the types of a row, such as "string|object", accept a value of `type`. nullopt: unknown,
/// because a literal cannot be compared with one of them.
std::optional<bool> takes(std::string_view types, std::string_view type) {
  static constexpr std::string_view objects[] = {"ip4",     "ip6",   "rg4",        "rg6",
                                                 "address", "fqdn",  "identifier", "regex",
                                                 "file",    "group", "code"};
  const bool is_object = std::ranges::find(objects, type) != std::ranges::end(objects);
  bool taken = false;
  for (std::string_view word : split(types, '|')) {
    word = trim(word);
    const bool is_known = word == "string" || word == "i64" || word == "f64" || word == "bool" ||
                          word == "array" || word == "map" || word == "object" || word == "code" ||
                          word == "integer" || word == "number" || word == "boolean" ||
                          word == "text";
    const bool is_type = std::ranges::find(objects, word) != std::ranges::end(objects);
    if (!is_known && !is_type) return std::nullopt;
    // Where text is accepted, an object is converted to its text.
    taken |= word == type || (word == "object" && is_object) || (word == "string" && is_object) ||
             (word == "text" && (is_object || type == "string")) ||
             (word == "integer" && type == "i64") || (word == "boolean" && type == "bool") ||
             (word == "number" && (type == "i64" || type == "f64"));
  }
  return taken;
}

bool Arguments::types(std::string_view parameters) {
  bool good = true;
  const std::vector<std::string_view> rows = split(parameters, ',');
  for (std::size_t i = 0; i < call_.nodes.size() && i < rows.size(); ++i) {
    const std::size_t colon = rows[i].find(':');
    const std::optional<SeenArgument> there = seen(i);
    if (colon == std::string_view::npos || !there) continue;
    if (is("check_spf") && call_.nodes.size() == 1) continue;  // may be hosts, see spf()
    const std::string_view wanted = trim(rows[i].substr(colon + 1));
    if (takes(wanted, there->type) != std::optional(false)) {
      good &= is_address(i, wanted);
      continue;
    }
    std::string message =
        shown(call_) + " takes " + std::string(wanted) + " here, not " + std::string(there->type);
    // It is false for values of other types (docs/vsl-api.md).
    is("in_domain") ? warn(i, std::move(message)) : fails(i, std::move(message));
    good = false;
  }
  return good;
}

bool Arguments::is_address(std::size_t index, std::string_view wanted) {
  const bool only_addresses = wanted == "address|string" || is("new_address");
  const std::string* given = only_addresses ? text(index) : nullptr;
  if (given == nullptr) return true;
  const auto made = Object::make(Object::Type::address, *given);
  if (!made) fails(index, made.error().message);
  return made.has_value();
}

void Arguments::values() {
  if (is("log")) word(0, {"trace", "debug", "info", "warn", "error"}, "a log level");
  if (is("accept") || is("faccept")) reply(200, 299);
  if (is("deny") || is("info")) reply(400, 599);
  if (is("check_mail_relay") || is("check_rcpt_relay")) hosts();
  if (is("check_spf")) spf();
  if (is("sign_dkim") || is("dkim_sign")) signed_fields();
  for (const Demanded& one : demanded()) {
    if (!is(one.function)) continue;
    const std::size_t given = call_.nodes.size();
    const bool is_last = one.index == Demanded::last_of_three;
    if (is_last && given < 3) continue;
    const std::size_t index = is_last ? given - 1 : one.index;
    if (index < given) texts_of(*call_.nodes[index], one.refused);
  }
}

/// Of a list, each text is one.
void Arguments::texts_of(const Node& node, std::string (*refused)(std::string_view), int depth) {
  if (depth > 16) return;
  if (node.kind == Kind::array) {
    for (const NodePtr& one : node.nodes) texts_of(*one, refused, depth + 1);
    return;
  }
  if (node.kind == Kind::variable) {
    const Node* declaration = declared_(node);
    if (declaration != nullptr && declaration->kind == Kind::let) {
      if (!declaration->flag || !declaration->nodes.front()) return;  // it may have changed
      declaration = declaration->nodes.front().get();
    }
    if (declaration != nullptr && declaration->kind == Kind::string) {
      texts_of(*declaration, refused, depth + 1);
    }
    return;
  }
  if (node.kind != Kind::string) return;
  if (std::string why = refused(node.text); !why.empty()) fails(node.at, std::move(why));
}

void Arguments::word(std::size_t index, const AllowedWords& words, std::string_view what,
                     bool fatal) {
  const std::string* given = text(index);
  if (given == nullptr || std::ranges::find(words, *given) != words.end()) return;
  std::string hint = did_you_mean(*given, words);
  if (hint.empty()) {
    for (const std::string_view one : words) {
      hint += (hint.empty() ? "one of \"" : ", \"") + std::string(one) + "\"";
    }
  }
  std::string message = "\"" + printable(*given, 60) + "\" is not " + std::string(what);
  fatal ? fails(index, std::move(message), std::move(hint))
        : warn(index, std::move(message), std::move(hint));
}

void Arguments::reply(unsigned first, unsigned last) {
  if (call_.nodes.empty()) return;
  const std::string* given = text(0);
  const std::optional<SeenArgument> there = seen(0);
  if (given == nullptr) {
    if (there && there->type != "code" && there->type != "string") {
      fails(0, shown(call_) + " takes a reply code, not " + std::string(there->type),
            "as in `object name code = \"550 5.7.1 text\"`");
    }
    return;
  }
  const Result<smtp::Reply> parsed = Object::parse_code(*given);
  if (!parsed) return fails(0, parsed.error().message);
  if (parsed->code < first || parsed->code > last) {
    fails(0, shown(call_) + " takes a code from " + std::to_string(first) + " to " +
                 std::to_string(last) + ", not " + std::to_string(parsed->code));
  }
  if (parsed->enhanced.present() && parsed->enhanced.klass != parsed->code / 100) {
    warn(0, "the enhanced code " + parsed->enhanced.to_string() + " contradicts the code " +
                std::to_string(parsed->code));
  }
}

/// Checks an argument of hosts: any object that can contain a client's address.
void Arguments::hosts() {
  const std::optional<SeenArgument> there = seen(0);
  if (!there) return;
  if (is("check_rcpt_relay")) {
    std::vector<Cidr> networks;
    networks_in(*call_.nodes.front(), networks);
    if (const auto stranger = stranger_in(networks)) {
      lint_.opens_relay(file_, call_.nodes.front()->at,
                        shown(call_) + " lets unknown clients such as " + stranger->to_string() +
                            " send mail anywhere: an open relay",
                        "name the networks of your own clients");
    }
  }
  static constexpr std::string_view good[] = {"ip4",  "ip6",   "rg4",    "rg6",  "fqdn",
                                              "file", "group", "string", "array"};
  if (std::ranges::find(good, there->type) != std::ranges::end(good)) return;
  fails(0, shown(call_) + " takes hosts, not " + std::string(there->type),
        "hosts are ip4, ip6, rg4, rg6, fqdn, or a group or file of them");
}

void Arguments::networks_in(const Node& node, std::vector<Cidr>& networks, int depth) const {
  if (depth > 16) return;
  if (node.kind == Kind::string) {
    if (const auto network = Cidr::parse(node.text)) networks.push_back(*network);
  } else if (node.kind == Kind::variable) {
    if (const Node* declared = declared_(node)) networks_in(*declared, networks, depth + 1);
  } else if (node.kind == Kind::array || node.kind == Kind::object || node.kind == Kind::let) {
    for (const NodePtr& one : node.nodes) {
      if (one) networks_in(*one, networks, depth + 1);
    }
  }
}

void Arguments::spf() {
  word(0, {"spf", "auth", "both", "none"}, "a header that check_spf() adds", true);
  word(1, {"strict", "soft"}, "a policy of check_spf()", true);
  const std::optional<SeenArgument> there = seen(0);
  if (there && there->type != "string" && call_.nodes.size() == 1) hosts();
}

/// RFC 6376 §5.4: a signature covers From.
void Arguments::signed_fields() {
  std::size_t index = 1;
  std::optional<SeenArgument> there = seen(index);
  if (!there || there->type != "array") there = seen(++index);
  if (!there || there->type != "array" || there->literal == nullptr) return;
  for (const NodePtr& field : there->literal->nodes) {
    if (field->kind != Kind::string || iequals(field->text, "From")) return;
  }
  fails(index, "a signature has to cover the field From", "add \"From\" to the list");
}

/// The value of a key in a map; null: there is none.
const Node* member(const Node& map, std::string_view key) {
  const auto found = std::ranges::find(map.names, key, &Name::text);
  if (found == map.names.end()) return nullptr;
  return map.nodes[static_cast<std::size_t>(found - map.names.begin())].get();
}

}  // namespace

void lint_call(Lint& lint, const FileFacts& file, const Node& call, bool is_in_try,
               const std::function<const Node*(const Node&)>& declared) {
  Arguments(lint, file, call, is_in_try, declared).run();
}

void lint_code_object(Lint& lint, const FileFacts& file, const Node& object) {
  if (object.word != "code") return;
  const Node& value = *object.nodes.front();
  std::int64_t code = 0;
  std::string enhanced;
  Position at = value.at;
  if (value.kind == Kind::string) {
    const Result<smtp::Reply> parsed = Object::parse_code(value.text);
    if (!parsed || !parsed->enhanced.present()) return;
    code = parsed->code;
    enhanced = parsed->enhanced.to_string();
  } else if (value.kind == Kind::map) {
    const Node* number = member(value, "code");
    if (number == nullptr) number = member(value, "base");
    const Node* text = member(value, "enhanced");
    const bool visible = number != nullptr && number->kind == Kind::integer && text != nullptr &&
                         text->kind == Kind::string && !text->text.empty();
    if (!visible) return;
    code = number->integer;
    enhanced = text->text;
    at = text->at;
  } else {
    return;
  }
  if (std::to_string(code).front() == enhanced.front()) return;
  lint.warn(file, at,
            "the enhanced code " + enhanced + " contradicts the code " + std::to_string(code),
            "its first digit is that of the code (RFC 3463)");
}

}  // namespace postern::dialect::vsl
