#include "plan/certificate_dialogues.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"

namespace postern::plan::certified {

std::string Said::text() const {
  return fmt::format("client {}, name {} {}, HELO {}, {}{}, MAIL FROM:<{}>, RCPT TO:<{}>{}",
                     client.to_string(), name_kind, client_name, helo.empty() ? "none" : helo,
                     tls ? "TLS" : "in clear", login ? ", login " + *login : "",
                     sender ? sender->text() : "", recipient.text(),
                     early != app::Early::never ? ", pipelining" : "");
}

std::size_t place_of(std::string_view member, std::string_view text, std::size_t begin) {
  const auto joins = [&](std::size_t at) {
    return at < text.size() && (is_alnum(text[at]) || text[at] == '-' || text[at] == '_');
  };
  for (std::size_t at = begin; (at = text.find(member, at)) != std::string_view::npos; ++at) {
    const bool is_apart = (at == 0 || !joins(at - 1)) && !joins(at + member.size());
    if (is_apart) return at;
  }
  return std::string_view::npos;
}

std::string stands_for(std::string text, const Said& said) {
  for (const auto& [member, known] : said.renamed) {
    for (std::size_t at = 0; (at = place_of(member, text, at)) != std::string::npos;) {
      text.replace(at, member.size(), known);
      at += known.size();
    }
  }
  return text;
}

Said Drawing::drawn() {
  for (;;) {
    std::vector<std::size_t> values;
    for (std::size_t variable = 0; variable < axes + text_.questions.size(); ++variable) {
      values.push_back(below(3) == 0 ? 0 : value_of(variable));
    }
    if (!contradicts(values)) return said_by(values, true);
  }
}

Said Drawing::said_by(const std::vector<std::size_t>& values, bool others) {
  Said said;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    said.classes[axis] = values[axis];
  }
  said.answers.assign(values.begin() + axes, values.end());
  const Members& from = text_.classes[client][values[client]];
  said.client = !others ? from.one : member_of(from);
  const Members& secured = text_.classes[session][values[session]];
  said.tls = secured.tls;
  said.login = secured.login;
  if (others && secured.any) said.login = fresh();
  if (others && text_.classes[session].size() == 1 && served_.tls) {
    said.tls = !served_.clear || below(2) == 0;
    if (said.tls && below(2) == 0) said.login = fresh();
  }
  const Members& named = text_.classes[name][values[name]];
  said.name_kind = named.kind;
  said.client_name = renamed_to(named.name, named, said, others);
  if (others && text_.classes[name].size() == 1 && below(2) == 0) {
    said.name_kind = below(2) == 0 ? "verified" : "unverified";
    said.client_name = "host." + fresh();
  }
  const Members& greeted = text_.classes[helo][values[helo]];
  said.helo = renamed_to(greeted.name, greeted, said, others);
  said.early = text_.classes[early][values[early]].early;
  if (others && text_.classes[early].size() == 1) {
    said.early = static_cast<app::Early>(below(app::early_words.size()));
  }
  const Members& from_address = text_.classes[sender][values[sender]];
  if (!from_address.null) said.sender = mailbox(from_address, said, others);
  const Members& to = text_.classes[rcpt][values[rcpt]];
  if (to.null) throw Wrong("a recipient is no address");
  said.recipient = mailbox(to, said, others);
  return said;
}

std::string Drawing::fresh() { return "m" + std::to_string(100'000 + below(900'000)) + "q"; }

IpAddress Drawing::member_of(const Members& from) {
  auto first = number_of(from.first);
  const auto last = number_of(from.last);
  switch (below(3)) {
    case 0:
      return from.first;
    case 1:
      return from.last;
    default:
      break;
  }
  bool above = false;  // the lowest, and the octets after the first that differs are any
  bool under = false;
  for (std::size_t at = 0; at < 16; ++at) {
    const unsigned low = above ? 0 : first[at];
    const unsigned high = under ? 255 : last[at];
    const auto octet = static_cast<std::uint8_t>(low + below(high - low + 1));
    above = above || octet > first[at];
    under = under || octet < last[at];
    first[at] = octet;
  }
  return address_of(first, from.first.is_v4());
}

/// The name itself, or one of the others that it stands for.
std::string Drawing::renamed_to(const std::string& text, const Members& members, Said& said,
                                bool others) {
  if (!others || (members.below.empty() && !members.other)) return text;
  const std::string made = members.other ? "a." + fresh() : fresh() + "." + members.below;
  said.renamed.emplace_back(made, lower(text));
  return made;
}

mail::Mailbox Drawing::mailbox(const Members& members, Said& said, bool others) {
  mail::Mailbox made{members.local_part, renamed_to(members.name, members, said, others)};
  const bool any = members.local.empty();
  if (others && (any || members.extended)) {
    // The delimiter stands behind the local part, and perhaps behind a quote.
    const std::size_t delimiter = members.local.size() + (members.quoted ? 1 : 0);
    std::string local = members.extended
                            ? members.local + members.local_part.substr(delimiter, 1) + fresh()
                            : fresh();
    // owner_request_special tells these apart.
    constexpr std::string_view request = "-request";
    if (members.extended && members.local_part.ends_with(request)) local += request;
    if (members.quoted) local = "\"" + local + " q\"";
    said.renamed.emplace_back(local, lower(made.local_part));
    made.local_part = local;
  }
  return made;
}

bool Drawing::asks_pattern(const std::vector<std::size_t>& values) const {
  for (std::size_t at = 0; at < text_.questions.size(); ++at) {
    if (text_.questions[at].regex && values[axes + at] != unset) return true;
  }
  return false;
}

bool Drawing::contradicts(const std::vector<std::size_t>& values) const {
  if (values[name] == unset) return false;
  const Members& named = text_.classes[name][values[name]];
  if (named.like_network) return true;
  if (named.name.empty() || values[client] == unset) return false;
  const bool is_v4 = text_.classes[client][values[client]].one.is_v4();
  for (std::size_t at = 0; at < text_.questions.size(); ++at) {
    const Question& question = text_.questions[at];
    const std::size_t value = values[axes + at];
    if (value == unset || !iequals(question.name, named.name)) continue;
    if (question.type != (is_v4 ? "A" : "AAAA")) continue;
    const json::object& answer = question.answers[value];
    const bool failed = is(answer, "failed");
    const bool found = !failed && !answer.at("records").as_array().empty();
    if (named.kind == "verified" ? !found : failed != (named.kind == "unconfirmed")) return true;
  }
  return false;
}

}  // namespace postern::plan::certified
