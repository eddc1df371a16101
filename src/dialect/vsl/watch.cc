#include "dialect/vsl/watch.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "dialect/vsl/context.h"
#include "dialect/vsl/machine.h"
#include "dialect/vsl/values.h"
#include "policy/questions/offered.h"

namespace postern::dialect::vsl {

namespace {

thread_local Watch* current_watch = nullptr;

constexpr int deepest_seen = 32;
constexpr std::size_t longest_line = 900;    // of a header field, with its name: RFC 5322 §2.1.1
constexpr std::size_t longest_local = 252;   // mail::Mailbox
constexpr std::size_t longest_domain = 255;  // RFC 5321 §4.5.3.1.2

/// Of a run: what is made of stand-ins, in octets. The texts that they stand for are more than a
/// hundred times as long (longest_helo), and have to stay below the limits of
/// ScriptLimits, too.
constexpr std::size_t most_made = 4 * 1024;

/// Functions that take any value, of any type, and only pass it on, store it or report it.
constexpr auto storing = std::to_array<std::string_view>({
    "adopt", "array",       "caught",   "fail",        "foreign",     "is_array",    "is_map",
    "join",  "keep",        "map",      "text",        "throw",       "unit_value",  "none_value",
    "set",   "depth_limit", "m.push",   "s.log",       "s.debug",     "s.print",     "m.to_debug",
    "deep",  "changing",    "constant", "no_variable", "m.to_string", "no_function",
});

/// Functions to which the type of a value matters, and no text in it; those of the library are
/// given none.
constexpr auto passing = std::to_array<std::string_view>({
    "callable",      "changeable",    "count",
    "no_condition",  "no_method",     "m.filter",
    "m.keys",        "m.map",         "m.pop",
    "m.values",      "s.client_ip",   "s.helo",
    "s.hostname",    "s.mail_from",   "s.next",
    "s.predefined",  "s.rcpt",        "s.rcpt_list",
    "s.toml",        "s.deliver_all", "s.disable_delivery_all",
    "s.maildir_all", "s.mbox_all",
});

/// Functions of the library that do the same in every dialogue, given what is not of the dialogue.
constexpr auto of_arguments = std::to_array<std::string_view>({
    "s.forward_all",
    "s.get_root_domain",
    "s.make_group",
    "s.new_address",
    "s.quarantine",
});

/// Functions whose work grows with the text, or that make a new one of it.
constexpr auto working = std::to_array<std::string_view>({
    "add",
    "join",
    "m.contains",
    "m.ends_with",
    "m.len",
    "m.push",
    "m.starts_with",
    "m.to_debug",
    "m.to_lower",
    "m.to_string",
    "m.to_upper",
    "m.trim",
    "set",
    "text",
});

/// Of these the result is about the world outside of the dialogue.
constexpr auto outside = std::to_array<std::string_view>({
    "s.client_address",
    "s.client_port",
    "s.connection_timestamp",
    "s.date",
    "s.mail_timestamp",
    "s.message_id",
    "s.server_address",
    "s.server_ip",
    "s.server_name",
    "s.server_port",
    "s.time",
});

/// Functions of the library that leave nothing behind but their result; a grant of
/// check_rcpt_relay() is seen as it is made.
constexpr auto looking = std::to_array<std::string_view>({
    "s.accept",
    "s.check_mail_relay",
    "s.check_rcpt_relay",
    "s.client_ip",
    "s.debug",
    "s.deny",
    "s.faccept",
    "s.get_domain",
    "s.get_domains",
    "s.get_local_part",
    "s.get_local_parts",
    "s.get_root_domain",
    "s.has_header",
    "s.helo",
    "s.hostname",
    "s.in_domain",
    "s.info",
    "s.is_authenticated",
    "s.is_secured",
    "s.log",
    "s.mail_from",
    "s.make_group",
    "s.make_object",
    "s.new_address",
    "s.next",
    "s.predefined",
    "s.print",
    "s.quarantine",
    "s.rcpt",
    "s.rcpt_list",
    "s.toml",
    "s.type_of",
});

/// Functions of which nothing is known.
constexpr auto opaque = std::to_array<std::string_view>({
    "s.auth",
    "s.authenticate",
    "s.call_service",
    "s.count_header",
    "s.dkim_sign",
    "s.dump",
    "s.get_all_headers",
    "s.get_header",
    "s.get_header_untouched",
    "s.get_private_keys",
    "s.lookup",
    "s.mail",
    "s.make_service",
    "s.rewrite_mail_from",
    "s.remove_header",
    "s.rlookup",
    "s.sign_dkim",
    "s.user_exist",
    "s.write",
});

constexpr auto with_recipient = std::to_array<std::string_view>({
    "s.add_rcpt",
    "s.add_rcpt_envelop",
    "s.bcc",
    "s.deliver",
    "s.disable_delivery",
    "s.forward",
    "s.maildir",
    "s.mbox",
    "s.remove_rcpt",
    "s.remove_rcpt_envelop",
    "s.rewrite_rcpt",
    "s.rewrite_rcpt_envelop",
});

constexpr auto changes_header = std::to_array<std::string_view>({
    "s.add_rcpt_message",
    "s.append_header",
    "s.prepend_header",
    "s.remove_rcpt_message",
    "s.rename_header",
    "s.rewrite_mail_from_message",
    "s.rewrite_rcpt_message",
    "s.set_header",
});

/// What a value is of the dialogue.
struct Seen {
  enum class What {
    plain,    ///< the same in every dialogue
    subject,  ///< the text of a part that stands for others
    address,  ///< the text of an address of which a part stands for others
    strange,  ///< made of such a text
  };
  What what = What::plain;
  std::string subject;    ///< for address: "sender" or "rcpt"
  std::string_view fold;  ///< "lower" or "upper": converted; else empty
  bool open = false;      ///< it stands for texts of other words, too
  bool operator==(const Seen&) const = default;
  bool is_plain() const { return what == What::plain; }
};

/// What to do with a call: the function itself runs, as all that its result hangs on is noted, or
/// the watcher has its result. There is no third: what is not known stops the run.
class Answer {
 public:
  static Answer runs() { return {}; }
  static Answer is(bool value) { return Answer(value); }
  bool given() const { return value_.has_value(); }
  bool value() const { return *value_; }  ///< if given()

 private:
  Answer() = default;
  explicit Answer(bool value) : value_(value) {}
  std::optional<bool> value_;
};

/// The texts of a list and of what is in it.
struct Content {
  std::set<std::string> texts;
  std::vector<Cidr> networks;
  std::vector<std::string> patterns;
  std::vector<ObjectPtr> others;  ///< all but the patterns
  void add(const ObjectPtr& object) {
    using enum Object::Type;
    if (object->type() == regex) return patterns.push_back(object->text());
    if (object->type() == group || object->type() == file) {
      for (const ObjectPtr& one : object->members()) add(one);
      return;
    }
    others.push_back(object);
    if (object->network()) {
      networks.push_back(*object->network());
    } else if (object->type() != code) {
      texts.insert(object->text());
    }
  }
};

/// A text as it stands in that of an array, and in `to_debug`, between the quotes.
std::string inside_quotes(std::string_view text) {
  const std::string quoted = debug_of(Value{std::string(text)});
  return quoted.substr(1, quoted.size() - 2);
}

/// Whether a text of other letters may be found equal to this one: converted, U+212A is `k` and
/// U+017F is `S`; as a name, an A-label is its U-label.
bool has_double(std::string_view text, std::string_view fold) {
  if (!is_ascii(text) || lower(text).find("xn--") != std::string::npos) return true;
  if (fold.empty()) return false;
  return text.find_first_of(fold == "lower" ? "ik" : "IS") != std::string_view::npos ||
         // Names are compared without regard to case.
         text.find_first_of(fold == "lower" ? "IK" : "is") != std::string_view::npos;
}

}  // namespace

Watch* watching() { return current_watch; }

Watched::Watched(Watch& watch) : before_(current_watch) { current_watch = &watch; }
Watched::~Watched() { current_watch = before_; }

bool only_looks(std::string_view function) {
  return !function.starts_with("s.") || is_one_of(function, looking) ||
         is_one_of(function, outside) ||
         policy::questions::find_offered(function.substr(2)) != nullptr;
}

const Instead* Watch::begins(const WatchedSpot& spot) {
  directive_ = spot.directive;
  spot_ = spot;
  acted_ = false;
  const bool is_known = first_ && first_->next;  // what is looked for
  if (passes(spot) || is_known) return &ways.front();
  const auto found = replaced.find(spot.directive);
  if (found == replaced.end()) return nullptr;
  const auto plain = std::ranges::find_if(ways, &Instead::relays) - ways.begin();
  const std::size_t values = found->second.relays ? ways.size() : static_cast<std::size_t>(plain);
  return &ways.at(ask(found->second.question + (spot.again ? std::string(after_starttls) : ""),
                      {.values = values, .subject = {}, .test = "directive", .argument = {}}));
}

void Watch::ends(std::optional<WatchedSpot> next) {
  if (passes(spot_) || first_) return;
  first_ = First{.spot = spot_, .asked = asked_.size(), .next = next};
}

void Watch::gathers(policy::Need needs) {
  const auto about = [&](std::string_view key, std::size_t values) {
    ask(std::string(key), {.values = values, .subject = {}, .test = "evidence", .argument = {}});
  };
  using policy::Need;
  if (policy::has(needs, Need::spf)) about(evidence_spf, spf_values);
  if (policy::has(needs, Need::dkim)) about(evidence_dkim, dkim_values);
  if (policy::has(needs, Need::dmarc)) about(evidence_dmarc, dmarc_values);
}

std::optional<bool> Watch::client_matches(const std::string& pattern) {
  look(subject_client);
  if (std::ranges::find(stands, subject_client, &Stand::subject) == stands.end()) {
    return std::nullopt;
  }
  return ask("client regex " + pattern, {.values = 2,
                                         .subject = std::string(subject_client),
                                         .test = "regex",
                                         .argument = pattern}) == 1;
}

void Watch::look(std::string_view subject) {
  if (std::ranges::find(asked_, subject) == asked_.end()) asked_.emplace_back(subject);
}

std::size_t Watch::ask(const std::string& key, WatchedQuestion question) {
  look(key);
  words_.questions.try_emplace(key, std::move(question));
  const auto found = answers.find(key);
  return found == answers.end() ? 0 : found->second;
}

void Watch::client_in(const std::vector<Cidr>& networks) {
  look(subject_client);
  std::vector<std::string> texts;
  for (const Cidr& one : networks) texts.push_back(one.to_string());
  std::ranges::sort(texts);
  const auto [first, last] = std::ranges::unique(texts);
  texts.erase(first, last);
  words_.grew = words_.networks.insert(std::move(texts)).second || words_.grew;
}

void Watch::note_blind(std::string_view what) {
  if (!blind_) blind_ = Blind{directive_, std::string(what)};
}

void Watch::stop(std::string_view what) {
  note_blind(what);
  throw Exhausted{"stopped: this cannot be watched"};
}

/// Looks at one call.
class Watch::Look {
 public:
  Look(Watch& watch, lua_State* L, std::string_view function)
      : watch_(watch), lua_(L), function_(function), last_(lua_gettop(L)) {}

  bool replaces() {
    if (is_one_of(function_, working)) charge();
    if (!vsl::only_looks(function_)) watch_.acted_ = true;
    if (function_ == "equal" || function_ == "unequal") {
      const Answer same = compared(2, 3);
      if (!same.given()) return false;
      script::stack::push(lua_, same.value() == (function_ == "equal"));
      return true;
    }
    if (function_ == "is_in") return push_if(found_in(2, 3));
    if (function_ == "m.contains") return push_if(found_in(3, 2));
    if (function_ == "index") return index(), false;
    if (function_ == "property") return property();
    if (function_ == "m.len") return length(2);
    if (function_ == "m.is_empty") return empty(), false;
    if (function_ == "iterate") return iterate(), false;
    if (function_ == "m.starts_with" || function_ == "m.ends_with") {
      return push_if(tested(2, 3, function_.substr(2)));
    }
    if (function_ == "m.to_lower") return fold("lower"), false;
    if (function_ == "m.to_upper") return fold("upper"), false;
    if (function_ == "m.trim") {
      const Seen one = see(2);
      // Where lists judge HELO, it may be any text.
      if (one.what == Seen::What::strange) stop();
      const auto stand = std::ranges::find(watch_.stands, one.subject, &Stand::subject);
      if (stand != watch_.stands.end() && stand->longest == longest_helo) stop();
      if (!one.is_plain()) look_at(one);
      return false;
    }
    if (function_ == "add") {
      for (int i = 2; i <= last_; ++i) known_type(i);
      return false;
    }
    if (function_.ends_with(".get_domain") || function_.ends_with(".get_local_part")) {
      return part(), false;
    }
    if (function_ == "s.get_domains" || function_ == "s.get_local_parts") {
      return parts_of_list(), false;
    }
    if (function_ == "m.type_of" || function_ == "s.type_of") return known_type(2), false;
    if (function_ == "m.truncate") {
      known_type(2);
      if (!see(3).is_plain()) stop();
      return false;
    }
    if (is_one_of(function_, storing)) {
      if (function_ == "set" || function_ == "m.push" || function_ == "s.log") known_type(2);
      if (function_ == "set" && !see(3).is_plain()) stop();
      return false;
    }
    if (is_one_of(function_, passing)) {
      // What is called may be named by a text.
      const bool calls = function_ == "m.map" || function_ == "m.filter";
      if (calls && !see(last_).is_plain()) stop();
      for (int i = 2; i <= last_; ++i) known_type(i);
      return false;
    }
    if (function_.starts_with("s.")) return library();
    // Of any other function nothing is known but that it has no other input.
    all_plain();
    return false;
  }

 private:
  [[noreturn]] void stop() const { watch_.stop(function_); }
  void all_plain() {
    for (int i = 2; i <= last_; ++i) {
      if (!see(i).is_plain()) stop();
    }
  }
  bool push_if(Answer answer) {
    if (!answer.given()) return false;
    script::stack::push(lua_, answer.value());
    return true;
  }
  /// Stops where a text stands for a value of another type, or of none that is known.
  void known_type(int index) {
    const Seen one = see(index);
    // A domain need be no name, and the null sender has none.
    if (one.subject.starts_with('?') || (one.open && one.subject.ends_with(".domain"))) stop();
  }
  /// Other dialogues have longer texts, and may meet a limit.
  void charge() {
    for (int i = 2; i <= last_; ++i) {
      if (!see(i).is_plain()) watch_.made_ += octets_of(i);
    }
    // The texts of other dialogues are at most so much longer.
    constexpr std::size_t longer = 256;
    if (watch_.made_ > std::min(most_made, machine_of(lua_).limits->string / longer)) stop();
  }
  std::size_t octets_of(int index, int depth = 0) {
    const Shape shape = shape_at(lua_, index);
    if (shape == Shape::text) return script::stack::text_at(lua_, index).size();
    if (shape == Shape::object) return object_at(lua_, index).text().size();
    if (shape != Shape::array && shape != Shape::map) return 1;
    if (depth > deepest_seen) return most_made + 1;
    script::stack::make_room(lua_, 6);
    std::size_t sum = 0;
    lua_pushnil(lua_);
    while (lua_next(lua_, index) != 0) {
      sum += octets_of(lua_gettop(lua_), depth + 1);
      lua_pop(lua_, 1);
    }
    return sum;
  }

  // What a value is.

  Seen see_text(std::string_view text) const {
    using What = Seen::What;
    using enum Seen::What;
    if (text.empty()) return {};
    if (text == watch_.sender) return {address, "sender", {}, true};
    if (text == watch_.recipient) return {address, "rcpt", {}, true};
    for (const Stand& one : watch_.stands) {
      const What what = one.subject.starts_with('?') ? strange : subject;
      if (text == one.text) return {what, one.subject, {}, one.folds};
      if (!one.folds) continue;
      if (text == lower(one.text)) return {what, one.subject, "lower", true};
      if (text == upper(one.text)) return {what, one.subject, "upper", true};
    }
    const std::string folded = lower(text);
    for (const Stand& one : watch_.stands) {
      const auto has = [&](const std::string& part) {
        return one.folds ? folded.find(lower(part)) != std::string::npos
                         : text.find(part) != std::string_view::npos;
      };
      const bool is_escaped = text.find('\\') != std::string_view::npos;
      if (has(one.text) || (is_escaped && has(inside_quotes(one.text)))) {
        return {strange, one.subject};
      }
    }
    return {};
  }

  Seen see_object(const ObjectPtr& object) {
    using enum Object::Type;
    switch (object->type()) {
      case group:
      case file: {
        if (watch_.clean_.contains(object.get())) return {};
        for (const ObjectPtr& one : object->members()) {
          if (!see_object(one).is_plain()) return {Seen::What::strange, {}};
        }
        watch_.clean_.emplace(object.get(), object);
        return {};
      }
      case code:
        return see_text(object->reply().text).is_plain() ? Seen{} : Seen{Seen::What::strange, {}};
      case regex: {
        const Seen one = see_text(object->text());
        return one.is_plain() ? one : Seen{Seen::What::strange, {}};
      }
      case ip4:
      case ip6:
      case rg4:
      case rg6:
        return {};  // never made of a text that stands for others
      default:
        return see_text(object->text());
    }
  }

  Seen see(int index, int depth = 0) {
    if (depth > deepest_seen) return {Seen::What::strange, {}};
    script::stack::make_room(lua_, 6);
    switch (shape_at(lua_, index)) {
      case Shape::text:
        return see_text(script::stack::text_at(lua_, index));
      case Shape::object:
        return see_object(script::stack::take<ObjectPtr>(lua_, index));
      case Shape::status: {
        const Status& status = status_at(lua_, index);
        const bool plain = see_text(status.queue).is_plain() &&
                           (!status.reply || see_text(status.reply->text).is_plain());
        return plain ? Seen{} : Seen{Seen::What::strange, {}};
      }
      case Shape::array:
      case Shape::map: {
        bool plain = true;
        lua_pushnil(lua_);
        while (lua_next(lua_, index) != 0) {
          const int top = lua_gettop(lua_);
          plain = plain && see(top, depth + 1).is_plain() &&
                  (lua_type(lua_, top - 1) != LUA_TSTRING || see(top - 1, depth + 1).is_plain());
          lua_pop(lua_, 1);
        }
        return plain ? Seen{} : Seen{Seen::What::strange, {}};
      }
      default:
        return {};
    }
  }

  bool keys_are_plain(int map) {
    bool plain = true;
    lua_pushnil(lua_);
    while (lua_next(lua_, map) != 0) {
      const int top = lua_gettop(lua_);
      plain = plain && see(top - 1).is_plain();
      lua_pop(lua_, 1);
    }
    return plain;
  }

  // Words.

  void word(std::string_view subject, std::set<std::string> texts) {
    watch_.look(subject);
    if (texts.empty()) return;
    if (texts.contains("")) look_null(subject);
    if (subject == subject_client) {
      std::vector<Cidr> networks;
      for (const std::string& one : texts) {
        if (const auto ip = IpAddress::from_text(one)) networks.emplace_back(*ip, ip->bits());
      }
      if (!networks.empty()) watch_.client_in(networks);
      return;
    }
    if (subject == subject_sender_domain || subject == subject_rcpt_domain) {
      std::set<std::string> domains;
      for (const std::string& one : texts) {
        domains.insert(lower(one));
        if (const auto domain = mail::Domain::parse(one)) domains.insert(domain->text());
      }
      texts = std::move(domains);
    }
    auto& known = watch_.words_.texts[std::string(subject)];
    watch_.words_.grew = known.insert(std::move(texts)).second || watch_.words_.grew;
  }

  /// Addresses, names and local parts that an address is compared with.
  void words_of_address(const std::string& which, const std::set<std::string>& texts) {
    std::set<std::string> domains;
    std::set<std::string> locals;
    for (const std::string& one : texts) {
      const std::size_t at = one.rfind('@');
      if (at == std::string::npos) {
        domains.insert(one);
        locals.insert(one);
        continue;
      }
      domains.insert(one.substr(at + 1));
      // Each by itself: which of them goes with the domain matters.
      word(which + ".local", {one.substr(0, at)});
    }
    if (texts.size() == 1 && !domains.empty()) {
      word(which + ".domain", domains);
    } else {
      for (const std::string& one : domains) word(which + ".domain", {one});
    }
    if (!locals.empty()) word(which + ".local", locals);
    watch_.look(which + ".domain");
    watch_.look(which + ".local");
  }

  void words_of(const Seen& one, const std::set<std::string>& texts) {
    if (one.what == Seen::What::address) {
      words_of_address(one.subject, texts);
    } else {
      word(one.subject, texts);
    }
  }

  /// The null sender has an empty local part.
  void look_null(std::string_view subject) {
    if (subject == subject_sender_local) watch_.look(subject_sender_domain);
  }

  static std::string name_of(const Seen& one) {
    return one.fold.empty() ? one.subject : one.subject + " in " + std::string(one.fold) + " case";
  }
  void look_at(const Seen& one) {
    if (one.what == Seen::What::address) {
      watch_.look(one.subject + ".domain");
      watch_.look(one.subject + ".local");
    } else {
      watch_.look(one.subject);
    }
  }

  bool question(const Seen& about, const std::string& test, const std::string& argument) {
    look_at(about);
    return watch_.ask(
               name_of(about) + " " + test + " " + argument,
               {.values = 2, .subject = about.subject, .test = test, .argument = argument}) == 1;
  }

  /// Compared with texts, at once.
  Answer named(const Seen& one, const std::set<std::string>& texts) {
    words_of(one, texts);
    if (!one.open) return Answer::runs();
    std::string doubles;
    for (const std::string& text : texts) {
      if (!has_double(text, one.fold)) continue;
      doubles += (doubles.empty() ? "" : ", ") + debug_of(Value{text});  // a text may have a comma
    }
    if (doubles.empty()) return Answer::runs();
    if (doubles.size() > most_made) stop();
    return question(one, "is", doubles) ? Answer::is(true) : Answer::runs();
  }

  // Comparisons.

  Answer compared(int left, int right) {
    Seen a = see(left);
    Seen b = see(right);
    if (a.is_plain() && b.is_plain()) return Answer::runs();
    if (a.is_plain()) {
      std::swap(a, b);
      std::swap(left, right);
    }
    const Shape one = shape_at(lua_, left);
    const Shape other = shape_at(lua_, right);
    if (one == Shape::array && other == Shape::array) return compared_arrays(left, right);
    if (a.what == Seen::What::strange || b.what == Seen::What::strange) {
      const bool never = other != Shape::text && other != Shape::object && one != other;
      if (never && one != Shape::object && !a.subject.starts_with('?')) return Answer::runs();
      stop();
    }
    if (b.is_plain()) {
      if (other == Shape::text) {
        return named(a, {std::string(script::stack::text_at(lua_, right))});
      }
      if (other == Shape::object) return compared_with(a, object_at(lua_, right));
      return Answer::runs();  // no, or an error, whatever the text is
    }
    // The null sender has no parts, from which such a text may have been put together.
    look_at(a);
    if (a == b) return Answer::runs();
    if (a.what != b.what) stop();
    look_at(b);
    std::string first = name_of(a) + compared_as(left);
    std::string second = name_of(b) + compared_as(right);
    if (second < first) std::swap(first, second);
    const std::size_t same =
        watch_.ask(first + " equals " + second,
                   {.values = 2, .subject = a.subject, .test = "equals", .argument = b.subject});
    return Answer::is(same == 1);
  }

  /// Names are compared in other ways than texts.
  std::string compared_as(int index) {
    if (shape_at(lua_, index) != Shape::object) return {};
    const Object::Type type = object_at(lua_, index).type();
    return type == Object::Type::string ? "" : " as " + std::string(to_string(type));
  }

  Answer compared_with(const Seen& one, const Object& object) {
    switch (object.type()) {
      case Object::Type::regex:
        return Answer::is(question(one, "regex", object.text()));
      case Object::Type::ip4:
      case Object::Type::ip6:
        if (one.what != Seen::What::subject || one.subject != subject_client) stop();
        watch_.client_in({*object.network()});
        return Answer::runs();
      case Object::Type::address:
      case Object::Type::fqdn:
      case Object::Type::identifier:
      case Object::Type::string:
        return named(one, {object.text()});
      case Object::Type::rg4:
      case Object::Type::rg6:
      case Object::Type::file:
      case Object::Type::group:
      case Object::Type::code:
        return Answer::runs();  // no, or an error, whatever the text is
    }
    stop();
  }

  Answer compared_arrays(int left, int right) {
    const auto count = static_cast<lua_Integer>(lua_rawlen(lua_, left));
    if (static_cast<lua_Integer>(lua_rawlen(lua_, right)) != count) return Answer::runs();
    for (lua_Integer i = 1; i <= count; ++i) {
      lua_rawgeti(lua_, left, i);
      lua_rawgeti(lua_, right, i);
      const int top = lua_gettop(lua_);
      if (compared(top - 1, top).given()) stop();
      lua_pop(lua_, 2);
    }
    return Answer::runs();
  }

  Answer found_in(int value, int container) {
    const Seen one = see(value);
    const Seen in = see(container);
    if (one.is_plain() && in.is_plain()) return Answer::runs();
    switch (shape_at(lua_, container)) {
      case Shape::object:
        return found_in_object(value, container);
      case Shape::array:
        return found_in_array(value, container);
      case Shape::text: {
        if (one.is_plain() && in.what == Seen::What::subject) {
          const auto text = textual(lua_, value);
          if (!text) return Answer::runs();  // an error
          return Answer::is(question(in, "contains", std::string(*text)));
        }
        if (one.what == Seen::What::subject && in.is_plain()) {
          look_null(one.subject);
          const std::string_view all = script::stack::text_at(lua_, container);
          return Answer::is(question(one, "within", std::string(all)));
        }
        stop();
      }
      case Shape::map:
        if (one.what != Seen::What::subject || !keys_are_plain(container)) stop();
        words_of_keys(one, container);
        return Answer::runs();
      case Shape::range:
        // No text is in it; but a number may be, for which a text stands.
        if (one.what == Seen::What::strange) stop();
        return Answer::runs();
      case Shape::none:
      case Shape::unit:
      case Shape::boolean:
      case Shape::integer:
      case Shape::real:
      case Shape::status:
      case Shape::function:
      case Shape::foreign:
        return Answer::runs();  // an error
    }
    stop();
  }

  Answer found_in_object(int value, int container) {
    const Seen one = see(value);
    const Seen in = see(container);
    if (one.is_plain() && in.is_plain()) return Answer::runs();
    const auto object = script::stack::take<ObjectPtr>(lua_, container);
    if (!in.is_plain()) {
      // A name or a local part in an address.
      const bool can = one.is_plain() && in.what == Seen::What::address;
      if (!can) stop();
      if (shape_at(lua_, value) != Shape::object) return Answer::runs();  // an error
      return named(in, {object_at(lua_, value).text()});
    }
    if (one.what == Seen::What::strange) stop();
    // Parts of an address may be names, and are looked for in its parts.
    if (object->type() == Object::Type::address && shape_at(lua_, value) == Shape::object) stop();
    Content content;
    content.add(object);
    Answer is_named = Answer::runs();
    if (one.what == Seen::What::subject && one.subject == subject_client) {
      for (const std::string& text : content.texts) {
        if (const auto ip = IpAddress::from_text(text)) {
          content.networks.emplace_back(*ip, ip->bits());
        }
      }
      watch_.client_in(content.networks);
    } else {
      // Other texts may be read as the address of a host, too.
      if (!content.networks.empty()) stop();
      is_named = named(one, content.texts);
    }
    if (is_named.given() || content.patterns.empty()) return is_named;
    if (is_in_others(value, content)) return Answer::is(true);
    std::ranges::sort(content.patterns);
    std::string all;
    for (const std::string& pattern : content.patterns) {
      all += (all.empty() ? "" : "|") + ("(?:" + pattern + ")");
    }
    return Answer::is(
        question(one, "regex", content.patterns.size() == 1 ? content.patterns.front() : all));
  }

  /// Whether a value is in a list, its patterns left out.
  bool is_in_others(int value, const Content& content) {
    if (content.others.empty()) return false;
    const ObjectPtr list = Object::list(Object::Type::group, content.others);
    std::string why;
    std::optional<bool> found;
    if (shape_at(lua_, value) == Shape::object) {
      found = list->contains(object_at(lua_, value), why);
    } else if (shape_at(lua_, value) == Shape::text) {
      found = list->contains(script::stack::text_at(lua_, value), why);
    }
    if (!found) stop();
    return *found;
  }

  /// Networks and lists of objects in an array stand for what is in them.
  Answer found_in_array(int value, int array) {
    const auto count = static_cast<lua_Integer>(lua_rawlen(lua_, array));
    bool is_given = false;
    bool found = false;
    Work work(lua_);
    for (lua_Integer i = 1; !found && i <= count; ++i) {
      lua_rawgeti(lua_, array, i);
      const int top = lua_gettop(lua_);
      const Answer given =
          holds_others(lua_, top) ? found_in_object(value, top) : compared(top, value);
      is_given = is_given || given.given();
      found = given.given() ? given.value() : is_member_at(lua_, value, top, work);
      lua_pop(lua_, 1);
    }
    return is_given ? Answer::is(found) : Answer::runs();
  }

  void words_of_keys(const Seen& one, int map) {
    lua_pushnil(lua_);
    while (lua_next(lua_, map) != 0) {
      lua_pop(lua_, 1);
      const std::string key(script::stack::text_at(lua_, lua_gettop(lua_)));
      if (named(one, {key}).given()) stop();
    }
    look_at(one);
  }

  void index() {
    const Seen key = see(3);
    const Shape owner = shape_at(lua_, 2);
    if (key.is_plain()) {
      if (owner == Shape::map && !keys_are_plain(2)) stop();
      if (owner == Shape::text && !see(2).is_plain()) stop();
      return;
    }
    if (owner != Shape::map || key.what != Seen::What::subject || !keys_are_plain(2)) stop();
    words_of_keys(key, 2);
  }

  bool property() {
    if (shape_at(lua_, 2) == Shape::map) {
      if (!keys_are_plain(2)) stop();
      return false;
    }
    const std::string_view name = script::stack::text_at(lua_, 3);
    if (name == "local_parts" || name == "domains") parts_of_list();
    return name == "len" && shape_at(lua_, 2) == Shape::text && length(2);
  }

  bool length(int index) {
    if (shape_at(lua_, index) != Shape::text) return false;
    const Seen one = see(index);
    if (one.is_plain()) return false;
    const bool is_local = one.subject.ends_with(".local");
    if (one.what != Seen::What::subject || (!is_local && !one.subject.ends_with(".domain"))) stop();
    watch_.look(one.subject);
    look_null(one.subject);
    const std::size_t longest = is_local ? longest_local : longest_domain;
    const std::size_t given =
        watch_.ask(name_of(one) + " len",
                   {.values = longest, .subject = one.subject, .test = "len", .argument = {}});
    script::stack::push(lua_, static_cast<std::int64_t>(given + 1));
    return true;
  }

  void empty() {
    if (shape_at(lua_, 2) != Shape::text) return;
    const Seen one = see(2);
    if (one.subject.starts_with('?')) stop();
    if (one.is_plain()) return;
    if (one.what == Seen::What::strange) stop();  // joined of parts that may be empty
    look_at(one);
    look_null(one.subject);
  }

  /// To lower or upper case.
  void fold(std::string_view to) {
    const Seen one = see(2);
    if (one.is_plain()) return;
    if (one.what == Seen::What::strange || one.subject == subject_client) stop();
    // A name is in lower case, but "[IPv6:2001:db8::1]" is a domain, too.
    if (one.open && one.subject.ends_with(".domain")) stop();
    if (!one.fold.empty() && one.fold != to) stop();
    look_at(one);
    // The result has to be told from the text. A name is in lower case.
    for (const Stand& stand : watch_.stands) {
      const bool is_part =
          stand.subject == one.subject ||
          (one.what == Seen::What::address && stand.subject.starts_with(one.subject + "."));
      if (!is_part || !stand.folds) continue;
      if (!is_ascii(stand.text)) stop();
      if (to == "lower" && stand.subject.ends_with(".domain")) continue;
      const bool has_letters = lower(stand.text) != upper(stand.text);
      if (has_letters && stand.text == (to == "lower" ? lower(stand.text) : upper(stand.text))) {
        stop();
      }
    }
  }

  void iterate() {
    if (shape_at(lua_, 2) == Shape::text && !see(2).is_plain()) stop();
  }

  Answer tested(int text, int what, std::string_view test) {
    const Seen one = see(text);
    const Seen other = see(what);
    if (one.is_plain() && other.is_plain()) return Answer::runs();
    if (one.what != Seen::What::subject || !other.is_plain()) stop();
    if (shape_at(lua_, text) != Shape::text) return Answer::runs();  // an error
    // What is no text is made one.
    if (shape_at(lua_, what) != Shape::text && shape_at(lua_, what) != Shape::object) stop();
    const auto argument = textual(lua_, what);
    if (!argument) stop();
    return Answer::is(question(one, std::string(test), std::string(*argument)));
  }

  // The library.

  /// Of its functions, these are known; others stop the run, with or without arguments.
  bool library() {
    if (is_one_of(function_, outside)) {
      const std::string subject = "?" + std::string(function_.substr(2));
      const std::string text = (watch_.others ? "[" : "<") + subject + ">";
      const auto known = std::ranges::find(watch_.stands, subject, &Stand::subject);
      if (known == watch_.stands.end()) {
        watch_.stands.push_back({.subject = subject, .text = text, .folds = true});
      }
      script::stack::push(lua_, std::string_view(text));
      return true;
    }
    if (is_one_of(function_, opaque)) stop();
    if (function_ == "s.accept" || function_ == "s.faccept" || function_ == "s.deny" ||
        function_ == "s.info") {
      if (last_ >= 2) code(2);
      return false;
    }
    if (function_ == "s.is_secured" || function_ == "s.is_authenticated") {
      watch_.look(subject_session);
      return false;
    }
    if (function_ == "s.check_mail_relay" || function_ == "s.check_spf") {
      all_plain();
      watch_.look(subject_sender_domain);
      return false;
    }
    if (function_ == "s.check_rcpt_relay") {
      all_plain();
      watch_.look(subject_rcpt_domain);
      return false;
    }
    if (function_ == "s.check_spf_inner" || function_ == "s.check_dmarc" ||
        function_ == "s.verify_dkim" || function_ == "s.dkim_verify") {
      return false;
    }
    if (function_ == "s.in_domain") return in_domain(), false;
    if (function_ == "s.make_object") return make_object(), false;
    if (function_ == "s.rewrite_mail_from_envelop") return rewrite_sender(), false;
    if (is_one_of(function_, with_recipient)) return recipient(), false;
    if (is_one_of(function_, changes_header)) {
      return header(), false;
    }
    if (function_ == "s.has_header") return has_header();
    if (const auto* one = policy::questions::find_offered(function_.substr(2))) {
      return offered(*one);
    }
    if (!is_one_of(function_, of_arguments)) stop();
    all_plain();
    return false;
  }

  bool offered(const policy::questions::Offered& question) {
    all_plain();
    const Context* context = script::stack::current(lua_).context<Context>();
    if (context == nullptr || context->stage < question.from) return false;  // an error
    const std::size_t value =
        watch_.ask(std::string(question.name), {.values = 3,
                                                .subject = std::string(subject_helo),
                                                .test = "offered",
                                                .argument = std::string(question.name)});
    if (value == 2) throw std::runtime_error("the answer is not known");
    script::stack::push(lua_, value == 0);
    return true;
  }

  /// The null sender has no parts.
  void part() {
    const Seen one = see(2);
    // HELO may be an address where lists judge it.
    if (one.what == Seen::What::strange || one.subject == subject_helo) stop();
    if (!one.is_plain()) look_at(one);
  }

  /// The parts of the addresses of an array.
  void parts_of_list() {
    if (see(2).is_plain()) return;
    watch_.look(subject_sender_domain);
    if (shape_at(lua_, 2) != Shape::array) return;  // an error
    const auto count = static_cast<lua_Integer>(lua_rawlen(lua_, 2));
    for (lua_Integer i = 1; i <= count; ++i) {
      lua_rawgeti(lua_, 2, i);
      const Seen one = see(lua_gettop(lua_));
      lua_pop(lua_, 1);
      if (!one.is_plain() && one.what != Seen::What::address) stop();
    }
  }

  void in_domain() {
    const Seen one = see(2);
    using enum Seen::What;
    if (one.is_plain()) return;
    if (one.what == address) {
      watch_.look(one.subject + ".domain");
    } else if (one.what == subject && one.subject.ends_with(".domain") && one.fold.empty()) {
      watch_.look(one.subject);
    } else {
      stop();
    }
  }

  /// A text that is read as a reply: what is in front is the policy's own.
  void code(int index) {
    if (see(index).is_plain()) return;
    const bool is_code = shape_at(lua_, index) == Shape::object &&
                         object_at(lua_, index).type() == Object::Type::code;
    if (is_code) return;  // read when it was made
    if (shape_at(lua_, index) != Shape::text) stop();
    const std::string_view text = script::stack::text_at(lua_, index);
    // The two words that Object::parse_code() reads, and what ends the second.
    constexpr std::string_view blanks = " \t";
    std::size_t at = text.find(' ');
    if (at != std::string_view::npos) at = text.find_first_not_of(blanks, at);
    if (at != std::string_view::npos) at = text.find_first_of(blanks, at);
    if (at == std::string_view::npos || !see_text(text.substr(0, at)).is_plain()) stop();
  }

  void make_object() {
    const std::string_view kind = script::stack::text_at(lua_, 2);
    const Seen one = see(3);
    if (one.is_plain() || kind == "string" || kind == "str" || kind == "val") return;
    if (one.what != Seen::What::strange) look_at(one);
    if (kind == "code") return code(3);
    if ((kind == "address" || kind == "addr") && one.what == Seen::What::address) return;
    // A domain need be no name: "[192.0.2.1]".
    if ((kind == "identifier" || kind == "ident") && one.what == Seen::What::subject) return;
    stop();
  }

  /// A field that cannot be made is an error.
  void header() {
    const bool has_value = function_ == "s.append_header" || function_ == "s.prepend_header" ||
                           function_ == "s.set_header";
    watch_.header_changed_ = true;
    if (!has_value || last_ < 3) return all_plain();
    if (!see(2).is_plain()) stop();
    known_type(3);
    const auto text = textual(lua_, 3);
    if (!see(3).is_plain() && text && longest_for(*text) > longest_line) stop();
  }

  /// Octets of the longest text that a text with stand-ins in it stands for.
  std::size_t longest_for(std::string_view text) const {
    const std::string folded = lower(text);
    std::size_t sum = text.size();
    for (const Stand& one : watch_.stands) {
      const std::string part = lower(one.text);
      for (std::size_t at = 0; (at = folded.find(part, at)) != std::string::npos;) {
        sum += one.longest;
        at += part.size();
      }
    }
    return sum;
  }

  void rewrite_sender() {
    const Seen one = see(2);
    if (one.is_plain()) return;
    if (one.what != Seen::What::address) stop();
    look_at(one);
  }

  /// Recipients are compared with those of the envelope.
  void recipient() {
    watch_.look(subject_rcpt_domain);
    watch_.look(subject_rcpt_local);
    for (int i = 2; i <= last_; ++i) {
      const Seen one = see(i);
      if (one.is_plain()) {
        if (const auto text = textual(lua_, i)) words_of_address("rcpt", {std::string(*text)});
      } else if (one.what != Seen::What::address || one.subject != "rcpt") {
        stop();
      }
    }
  }

  bool has_header() {
    all_plain();
    const Context* context = script::stack::current(lua_).context<Context>();
    if (context == nullptr || context->stage < policy::Stage::message) return false;
    if (watch_.header_changed_ || context->draft.header_changed) stop();
    const auto name = textual(lua_, 2);
    if (!name) return false;
    const std::size_t has =
        watch_.ask("has_header " + lower(*name),
                   {.values = 2, .subject = {}, .test = "has_header", .argument = lower(*name)});
    return push_if(Answer::is(has == 1));
  }

  Watch& watch_;
  lua_State* lua_;
  const std::string_view function_;
  const int last_;
};

bool Watch::replaces(lua_State* L, std::string_view function) {
  return Look(*this, L, function).replaces();
}

}  // namespace postern::dialect::vsl
