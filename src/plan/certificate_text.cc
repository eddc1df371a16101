#include "plan/certificate_text.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"

namespace postern::plan::certified {

std::string text_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}
bool is(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

bool ends_in_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return last.find_first_not_of("0123456789") == std::string_view::npos ||
         last.find(':') != std::string_view::npos;
}

bool is_number(std::string_view name) {
  return name.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool has_number_last(std::string_view name) {
  return ends_in_number(name) && !is_number(name) && !name.ends_with('.') && !name.starts_with('[');
}

std::array<std::uint8_t, 16> number_of(const IpAddress& address) {
  std::array<std::uint8_t, 16> number{};
  const std::string_view octets = address.octets();
  std::ranges::copy(octets, number.end() - static_cast<std::ptrdiff_t>(octets.size()));
  return number;
}
IpAddress address_of(const std::array<std::uint8_t, 16>& number, bool v4) {
  if (!v4) return IpAddress::v6(number);
  return IpAddress::v4((std::uint32_t{number[12]} << 24) | (std::uint32_t{number[13]} << 16) |
                       (std::uint32_t{number[14]} << 8) | number[15]);
}
std::optional<IpAddress> after(const IpAddress& address) {
  auto number = number_of(address);
  for (std::size_t at = 16; at-- > (address.is_v4() ? 12u : 0u);) {
    if (++number[at] != 0) return address_of(number, address.is_v4());
  }
  return std::nullopt;
}

IpAddress ip(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  if (!parsed) throw Wrong(fmt::format("`{}` is no address", printable(text, 64)));
  return *parsed;
}

std::pair<std::size_t, std::size_t> CertificateText::depth_of(std::size_t variable) const {
  values_of(variable);  // that it is one
  return {variable < axes ? variable : questions[variable - axes].axis, variable};
}

std::size_t CertificateText::values_of(std::size_t variable) const {
  if (variable < axes) return classes[variable].size();
  if (variable - axes >= questions.size()) throw Wrong("a variable is no question");
  return questions[variable - axes].answers.size();
}

namespace {

class Reader {
 public:
  explicit Reader(const std::array<std::string, 2>& digests) : digests_(digests) {}

  CertificateText read(std::string_view text) {
    std::size_t line = 0;
    for (std::string_view rest = text; !rest.empty(); ++line) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const json::object object = json::parse(rest.substr(0, end)).as_object();
      if (object.contains("axis")) text_.axes_text += json::serialize(object) + "\n";
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line == 0) {
        read_header(object);
      } else if (object.contains("axis")) {
        read_axis(object);
      } else if (object.contains("question")) {
        read_question(object);
      } else {
        read_node(object);
      }
    }
    if (line != 1 + lines_) {
      if (line == 0) throw Unreadable("it is empty");
      throw Unreadable(fmt::format(
          "it has {} lines and not {}: it is cut off, or something was added", line, 1 + lines_));
    }
    const bool is_equal = line == 1;
    if (!is_equal && (read_axes_ != axes || text_.nodes.empty())) {
      throw Wrong("classes or the diagram are missing");
    }
    return std::move(text_);
  }

 private:
  void read_header(const json::object& header) {
    if (header.at("certificate").to_number<int>() != 1) throw Wrong("it is of another form");
    const std::string_view sides[] = {"old", "new"};
    const bool exchanged =
        text_in(header, "old") == digests_[1] && text_in(header, "new") == digests_[0];
    for (std::size_t side = 0; side < 2; ++side) {
      if (text_in(header, sides[side]) == digests_[side]) continue;
      throw Unreadable(exchanged
                           ? std::string("old and new are exchanged")
                           : fmt::format("it was made for another {}: another file, or its lists "
                                         "or a table have changed since",
                                         sides[side]));
    }
    for (const auto& [group, never] : header.at("never").as_object()) {
      for (const json::value& one : never.as_array()) {
        text_.never.emplace(std::string(group), std::string(one.as_string()));
      }
    }
    text_.same_handling = header.at("same_handling").as_bool();
    lines_ = header.at("lines").to_number<std::size_t>();
    const std::map<std::string, std::string> words{
        {"ours", "this host's domains"},
        {"relay", "the domains it relays for"},
        {"foreign", "foreign destinations"},
        {"winding", "addresses with a route to a domain of this host"}};
    for (const auto& [group, never] : text_.never) {
      const auto known = words.find(group);
      if (known == words.end()) throw Wrong("it speaks of a group that there is not");
      text_.claims.push_back(fmt::format(
          "new {} no mail to {} that old {}", never == "refuses_more" ? "refuses" : "takes",
          known->second, never == "refuses_more" ? "takes" : "refuses"));
    }
    if (text_.same_handling) text_.claims.push_back("what both take is handled the same");
  }

  void read_axis(const json::object& object) {
    if (read_axes_ >= axes || text_in(object, "axis") != axis_names[read_axes_]) {
      throw Wrong("the classes are in another order");
    }
    std::vector<Members>& all = text_.classes[read_axes_];
    for (const json::value& value : object.at("classes").as_array()) {
      Members made;
      if (read_axes_ == early) {
        const auto from = value.to_number<std::size_t>();
        if (from != all.size() || from >= app::early_words.size()) {
          throw Wrong("commands ahead of replies are in another order");
        }
        made.early = static_cast<app::Early>(from);
      } else {
        const json::object& one = value.as_object();
        if (read_axes_ == client) {
          made.first = ip(text_in(one, "first"));
          made.last = ip(text_in(one, "last"));
          made.one = ip(text_in(one, "one"));
        }
        made.kind = text_in(one, "kind");
        made.name = text_in(one, read_axes_ == name || read_axes_ == helo ? "name" : "domain");
        made.below = text_in(one, "below");
        made.other = is(one, "other");
        made.tls = is(one, "tls");
        if (one.contains("login")) made.login = text_in(one, "login");
        made.any = is(one, "any");
        made.null = !one.contains("local_part");
        made.local_part = text_in(one, "local_part");
        made.local = text_in(one, "local");
        made.extended = is(one, "extended");
        made.winding = is(one, "winding");
        made.quoted = is(one, "quoted");
        made.like_network = is(one, "like_network");
        if (const json::value* read = one.if_contains("read")) {
          made.read = mail::Mailbox{text_in(read->as_object(), "local_part"),
                                    text_in(read->as_object(), "domain")};
        }
      }
      all.push_back(std::move(made));
    }
    if (all.empty()) throw Wrong("a part of the dialogue has no classes");
    ++read_axes_;
  }

  void read_question(const json::object& object) {
    Question made{.key = text_in(object, "question"),
                  .zone = text_in(object, "zone"),
                  .of = text_in(object, "of"),
                  .type = text_in(object, "type"),
                  .name = text_in(object, "name"),
                  .service = text_in(object, "service"),
                  .request = {},
                  .free = is(object, "free"),
                  .is_rule = false,
                  .pattern = text_in(object, "pattern"),
                  .about = axes,
                  .piece = text_in(object, "piece"),
                  .text = text_in(object, "text"),
                  .axis = axes,
                  .answers = {}};
    const auto read_part = [&](std::string_view key, std::size_t& into) {
      if (!object.contains(key)) return;
      const auto part = std::ranges::find(axis_names, text_in(object, key));
      if (part == axis_names.end()) throw Wrong("a question is of no part: " + made.key);
      into = static_cast<std::size_t>(part - axis_names.begin());
    };
    read_part("part", made.axis);
    read_part("about", made.about);
    if (object.contains("request")) made.request = text_in(object, "request");
    for (const json::value& one : object.at("answers").as_array()) {
      made.answers.push_back(one.as_object());
    }
    if (made.answers.empty()) throw Wrong("a question has no answers: " + made.key);
    text_.questions.push_back(std::move(made));
  }

  void read_node(const json::object& object) {
    Node made;
    made.impossible = is(object, "impossible");
    made.before = text_in(object, "old");
    made.after = text_in(object, "new");
    if (object.contains("children")) {
      made.variable = object.at("variable").to_number<std::size_t>();
      for (const json::value& run : object.at("children").as_array()) {
        const auto many = run.at(0).to_number<std::size_t>();
        const auto child = run.at(1).to_number<std::uint32_t>();
        if (child >= text_.nodes.size()) throw Wrong("the diagram goes upwards");
        const Node& below = text_.nodes[child];
        if (!below.children.empty() &&
            text_.depth_of(below.variable) <= text_.depth_of(made.variable)) {
          throw Wrong("the diagram asks something twice");
        }
        if (made.children.size() + many > text_.values_of(made.variable)) {
          throw Wrong("a node has more children than there are values");
        }
        made.children.insert(made.children.end(), many, child);
      }
      if (made.children.empty() || made.children.size() != text_.values_of(made.variable)) {
        throw Wrong("a node has not one child for each value");
      }
    }
    text_.nodes.push_back(std::move(made));
  }

  const std::array<std::string, 2>& digests_;
  CertificateText text_;
  std::size_t read_axes_ = 0;
  std::size_t lines_ = 0;  ///< after the header, as it says
};

}  // namespace

CertificateText read_certificate(std::string_view text, const std::array<std::string, 2>& digests) {
  return Reader(digests).read(text);
}

}  // namespace postern::plan::certified
