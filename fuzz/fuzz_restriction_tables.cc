// Look-up tables of restriction lists: every kind of source text, its messages and its answers. The
// first octet chooses the kind; the first line after it is a key, the rest the text.
#include "base/text.h"
#include "dialect/restrictions/table.h"
#include "invariant.h"

namespace {

using namespace postern;
using namespace postern::dialect::restrictions;
using fuzz::must;

constexpr const char* kinds[] = {
    "texthash:/t", "cidr:/t",  "regexp:/t", "pcre:/t",    "sqlite:/t", "inline:",
    "unionmap:",   "pipemap:", "static:",   "cidr:",      "pcre:",     "",
    "pgsql:/t",    "ldap:/t",  "tcp:",      "socketmap:", "mysql:/t",  "memcache:/t"};

void check_answers(const Table& table, std::string_view key) {
  const Found found = table.lookup(key);
  must(found.status == Found::Status::failed || found.trouble.empty(), "trouble is a failure's");
  must(found.status == Found::Status::found || found.value.empty(), "a value is found");
  must(found.status != Found::Status::waiting || table.is_remote(), "nobody else waits");
  if (table.is_remote()) {
    const policy::Consultations nothing;
    policy::Replies replies(nothing);
    must(table.find(key, &replies).status == found.status, "nothing was said");
    must((found.status == Found::Status::waiting) == replies.wanted().has_value(), "who is asked");
    must(table.find(key, nullptr).status != Found::Status::waiting, "nobody can be asked");
  }
  must(found.status != Found::Status::absent || !table.is_total() || table.is_pattern(),
       "a total table finds every key");
  if (const auto values = table.values(); values && found.status == Found::Status::found) {
    const auto action = [](std::string_view text) { return text.substr(0, text.find(' ')); };
    bool listed = false;
    for (const std::string& value : *values) {
      // A value with groups is listed as written; only its action is certain.
      const bool grouped = table.is_pattern() && value.find('$') != std::string::npos;
      listed = listed || value == found.value || (grouped && action(value) == action(found.value));
    }
    must(listed, "every value that is found is listed");
  }
  if (table.is_network()) {
    if (const auto address = IpAddress::parse(key)) {
      must(table.lookup_address(*address).value == found.value, "text and address agree");
      must(!table.is_total() || found.status == Found::Status::found, "total for addresses");
    }
  }
  must(table.hidden_rows().size() <= 100, "hidden rows are few");
}

/// What loads in strict mode loads in lenient mode, with the same answers.
void check_modes(const std::string& spec, const std::string& text, std::string_view key) {
  const auto read = [&](const std::string&) { return Result<std::string>(text); };
  const auto strict = open_table(spec, {.read = read});
  const auto lenient = open_table(spec, {.read = read, .bad_rows = BadRows::skip});
  if (!strict) {
    must(!strict.error().message.empty() && strict.error().message.size() < 70'000, "a sentence");
    must(is_ascii(strict.error().message) || !is_ascii(spec), "a sentence in ASCII");
  } else {
    must(lenient.has_value(), "what is right is right without severity");
    const Found one = (*strict)->lookup(key);
    const Found other = (*lenient)->lookup(key);
    must(one.status == other.status && one.value == other.value, "the same answer");
    check_answers(**strict, key);
  }
  if (lenient) {
    check_answers(**lenient, key);
    must((*lenient)->warnings().size() <= 100 * 64, "warnings are few");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string spec = kinds[data[0] % std::size(kinds)];
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view key = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(key.size() + 1, rest.size()));
  // A file name in the input would open real databases.
  if (rest.find("dbpath") != std::string_view::npos && rest.find('/') != std::string_view::npos) {
    return 0;
  }
  const std::string text(rest);
  check_modes(spec.ends_with("/t") ? spec : spec + text, text, key);
  return 0;
}
