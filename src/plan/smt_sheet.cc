#include "plan/smt_sheet.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::plan::smt {

namespace {

std::string joined_terms(std::string_view word, std::string_view neutral, std::string_view other,
                         const Terms& terms) {
  std::string text;
  std::size_t count = 0;
  for (const std::string& term : terms) {
    if (term == other) return term;
    if (term == neutral) continue;
    text += " " + term;
    ++count;
  }
  if (count == 0) return std::string(neutral);
  return count == 1 ? text.substr(1) : fmt::format("({}{})", word, text);
}

/// A text as a literal.
std::string literal(std::string_view text) {
  const bool plain =
      std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; });
  if (!plain) throw LeftOut(fmt::format("`{}` has other characters", printable(text, 64)));
  return fmt::format("\"{}\"", text);
}

/// An address as a bit vector.
std::string number(const IpAddress& address) {
  std::string text = "#x";
  for (const char octet : address.octets()) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(octet));
  }
  return text;
}
std::string mask(const Cidr& network) {
  std::string text = "#b";
  for (int bit = 0; bit < network.network().bits(); ++bit)
    text += bit < network.prefix() ? '1' : '0';
  return text;
}

}  // namespace

std::string all(const Terms& terms) { return joined_terms("and", "true", "false", terms); }
std::string any(const Terms& terms) { return joined_terms("or", "false", "true", terms); }
std::string no(const std::string& term) {
  if (term == "true" || term == "false") return term == "true" ? "false" : "true";
  return "(not " + term + ")";
}

std::string equal(const std::string& variable, std::string_view text) {
  return fmt::format("(= {} {})", variable, literal(text));
}
std::string ends_with(const std::string& variable, const std::string& text) {
  return fmt::format("(str.suffixof {} {})", literal(text), variable);
}
std::string has(const std::string& variable, char c) {
  return fmt::format("(str.contains {} \"{}\")", variable, c);
}

std::string family(bool is_v4) { return is_v4 ? "(not client_v6)" : "client_v6"; }
std::string in_network(const Cidr& network) {
  const bool v4 = network.network().is_v4();
  if (network.prefix() == 0) return family(v4);
  return all({family(v4), fmt::format("(= (bvand {} {}) {})", v4 ? "client4" : "client6",
                                      mask(network), number(network.network()))});
}
std::string in_range(const AddressRange& range) {
  const bool v4 = range.first.is_v4();
  const std::string_view client = v4 ? "client4" : "client6";
  return all({family(v4), fmt::format("(bvule {} {})", number(range.first), client),
              fmt::format("(bvule {} {})", client, number(range.last))});
}

Sheet::Sheet(const ServedSessions& served) : served_(served) {
  lines_.push_back("(set-logic ALL)");
}

void Sheet::leave_out(const std::string& why) {
  if (std::ranges::find(left_out_, why) == left_out_.end()) left_out_.push_back(why);
}

void Sheet::comment(std::string_view text) { lines_.push_back("; " + printable(text, 300)); }
void Sheet::require(const std::string& term) { lines_.push_back(fmt::format("(assert {})", term)); }
std::string Sheet::define(const std::string& term) {
  if (term.find(' ') == std::string::npos) return term;
  const auto [known, is_new] = defined_.emplace(term, fmt::format("d{}", defined_.size() + 1));
  if (is_new) {
    lines_.push_back(fmt::format("(define-fun {} () Bool {})", known->second, term));
  }
  return known->second;
}
bool Sheet::declare(const std::string& name, std::string_view sort, std::string_view of) {
  if (!declared_.insert(name).second) return false;
  lines_.push_back(fmt::format("(declare-fun {} ({}) {})", name, of, sort));
  return true;
}

void Sheet::client() {
  if (!declare("client_v6", "Bool")) return;
  declare("client4", "(_ BitVec 32)");
  declare("client6", "(_ BitVec 128)");
  // ::ffff:0:0/96 is IPv4.
  require("(not (and client_v6 (= ((_ extract 127 32) client6) #x00000000000000000000ffff)))");
}
void Sheet::client_name() {
  if (!declare("name_verified", "Bool")) return;
  declare("name_unanswered", "Bool");
  declare("name_found", "Bool");
  declare("client_name", "String");
  require("(=> (or name_verified name_unanswered) name_found)");
  require("(not (and name_verified name_unanswered))");
  require("(not (or (= client_name \"\") (str.contains client_name \"..\")))");
}
void Sheet::session() {
  if (!declare("tls", "Bool")) return;
  declare("login", "Bool");
  declare("login_name", "String");
  if (!served_.tls) require("(not tls)");
  if (!served_.clear) require("tls");
  if (!served_.login) require("(not login)");
  if (!served_.login_in_clear) require("(=> login tls)");
  require("(not (= login_name \"\"))");
}
void Sheet::helo() {
  if (!declare("helo_given", "Bool")) return;
  declare("helo", "String");
  require("(not (or (= helo \"\") (str.contains helo \" \") (str.contains helo \":\")))");
  require("(=> (str.prefixof \"[\" helo) (or (= helo \"[own]\") (= helo \"[\")))");
}
void Sheet::address(const std::string& who) {
  if (!declare(who + "_local", "String")) return;
  const std::string domain = who + "_domain";
  declare(domain, "String");
  require(any({equal(domain, own_literal), equal(domain, other_literal),
               fmt::format("(not (str.prefixof \"[\" {}))", domain)}));
  require(fmt::format("(not (= {} \"\"))", domain));
  // RFC 5321 §4.1.2: a domain has no empty labels.
  require(fmt::format(
      "(not (or (str.prefixof \".\" {0}) (str.suffixof \".\" {0}) (str.contains {0} \"..\")))",
      domain));
  if (who == "sender") declare("sender_null", "Bool");
}
std::string Sheet::base(const std::string& who, const std::string& delimiters) {
  if (delimiters.empty()) return "";
  if (delimiters.find('-') != std::string::npos) {
    throw LeftOut("recipient_delimiter has a hyphen");
  }
  std::string names;
  for (const char c : delimiters) names += fmt::format("_{:x}", static_cast<unsigned char>(c));
  const std::string stem = who + "_base" + names;
  if (!declare(stem, "String")) return stem;
  const std::string local = who + "_local";
  const std::string rest = who + "_extension" + names;
  declare(rest, "String");
  require(fmt::format("(= {} (str.++ {} {}))", local, stem, rest));
  Terms starts;
  Terms rests{fmt::format("(= {} \"\")", rest)};
  Terms free;
  for (const char c : delimiters) {
    starts.push_back(fmt::format("(str.prefixof {} {})", literal(std::string(1, c)), local));
    rests.push_back(fmt::format("(str.prefixof {} {})", literal(std::string(1, c)), rest));
    free.push_back(no(has(stem, c)));
  }
  require(fmt::format("(ite {} (= {} \"\") {})", any(starts), rest, all({all(free), any(rests)})));
  return stem;
}
std::string Sheet::is_host(const std::string& name, bool dots) {
  if (declared_.insert("host_label").second) {
    lines_.push_back(
        "(define-fun host_char () RegLan (re.union (re.range \"a\" \"z\") (re.range \"0\" \"9\") "
        "(str.to_re \"_\")))");
    lines_.push_back(
        "(define-fun host_label () RegLan (re.++ host_char (re.opt (re.++ (re.* (re.union "
        "host_char (str.to_re \"-\"))) host_char))))");
    lines_.push_back(
        "(define-fun digits_and_dots () RegLan (re.* (re.union (re.range \"0\" \"9\") (str.to_re "
        "\".\"))))");
  }
  return fmt::format(
      "(and (str.in_re {0} (re.++ host_label ({1} (re.++ (str.to_re \".\") host_label)) (re.opt "
      "(str.to_re \".\")))) (not (str.in_re {0} digits_and_dots)))",
      name, dots ? "re.+" : "re.*");
}
std::string Sheet::in_dns(const std::string& name) {
  declare("in_dns", "Int", "String");
  const std::string term = fmt::format("(in_dns {})", name);
  if (declared_.insert(term).second) require(fmt::format("(and (<= 0 {0}) (<= {0} 3))", term));
  return term;
}
std::string Sheet::listed(const policy::DnsList& list, const std::string& name) {
  const auto one = [&](const std::string& text) {
    const auto known = zones_.emplace(text, zones_.size() + 1);
    const std::string function =
        fmt::format("{}_{}", name.empty() ? "client_in" : "name_in", known.first->second);
    if (declare(function, "Bool", name.empty() ? "" : "String")) comment("that is in " + text);
    return name.empty() ? function : fmt::format("({} {})", function, name);
  };
  const std::size_t equals = list.text().find('=');
  const std::string bare = one(list.zone());
  if (equals == std::string::npos) return bare;
  const std::string filter = list.text().substr(equals);
  if (filter.find_first_not_of("=.0123456789") != std::string::npos) {
    throw LeftOut(fmt::format("`{}` has ranges", list.text()));
  }
  const std::string filtered = one(list.zone() + filter);
  require(fmt::format("(=> {} {})", filtered, bare));
  return filtered;
}
void Sheet::finish() {
  if (!declared_.contains("in_dns") || !declared_.contains("client_name")) return;
  const std::string term = in_dns("client_name");
  require(fmt::format("(=> name_verified (<= {} 1))", term));
  require(fmt::format("(=> name_unanswered (not (= {} 3)))", term));
}

std::string Sheet::text() const {
  std::string text;
  for (const std::string& line : lines_) text += line + "\n";
  return text;
}

}  // namespace postern::plan::smt
