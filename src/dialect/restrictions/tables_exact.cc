// Exact keys: one arena with every key, one with every distinct value, and an open-addressing index
// of offsets. A large table, which no cache holds, has another index, which answers from one cache
// line: it has 64 bits of a keyed hash of each key, and the place of its value. A million keys of
// 20 octets take about 47 MB.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <functional>

#include <sodium.h>

#include <fmt/core.h>

#include "base/text.h"
#include "dialect/restrictions/key_fold.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {
namespace {

/// A table of this many rows takes a few MB with its keys.
constexpr std::size_t most_cached_rows = 50'000;

std::uint32_t hash_of(std::string_view text) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(text) >> 32);
}

/// Hashes with the offsets of their texts in an arena. The hash is stored with the offset, so
/// growing does not read the texts, and a miss seldom reads the arena.
class OffsetIndex {
 public:
  static constexpr std::uint32_t none = 0xffffffff;

  template <class Same>
  std::uint32_t find(std::uint32_t hash, const Same& same) const {
    if (slots_.empty()) return none;
    for (std::size_t at = place(hash);; at = at + 1 == slots_.size() ? 0 : at + 1) {
      const Slot& slot = slots_[at];
      if (slot.offset == none || (slot.hash == hash && same(slot.offset))) return slot.offset;
    }
  }
  void insert(std::uint32_t hash, std::uint32_t offset) {
    if ((count_ + 1) * 10 > slots_.size() * 7) resize(slots_.size() * 3 / 2 + 16);
    put({hash, offset});
    ++count_;
  }
  std::size_t count() const { return count_; }
  std::size_t memory() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t offset = none;
  };
  std::size_t place(std::uint32_t hash) const {
    return static_cast<std::size_t>((std::uint64_t{hash} * slots_.size()) >> 32);
  }
  void put(Slot slot) {
    std::size_t at = place(slot.hash);
    while (slots_[at].offset != none) at = at + 1 == slots_.size() ? 0 : at + 1;
    slots_[at] = slot;
  }
  void resize(std::size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.offset != none) put(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

/// Texts in sequence, each preceded by its length, seven bits an octet.
class Arena {
 public:
  std::uint32_t end() const { return static_cast<std::uint32_t>(octets_.size()); }
  void add_number(std::uint32_t number) {
    for (; number >= 0x80; number >>= 7) octets_ += static_cast<char>(number | 0x80);
    octets_ += static_cast<char>(number);
  }
  void add(std::string_view text) {
    add_number(static_cast<std::uint32_t>(text.size()));
    octets_ += text;
  }
  std::uint32_t number(std::uint32_t& at) const {
    std::uint32_t number = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto octet = static_cast<unsigned char>(octets_[at++]);
      number |= std::uint32_t{octet & 0x7fu} << shift;
      if (octet < 0x80) return number;
    }
  }
  std::string_view text(std::uint32_t& at) const {
    const std::uint32_t size = number(at);
    const std::string_view found = std::string_view(octets_).substr(at, size);
    at += size;
    return found;
  }
  void shrink() { octets_.shrink_to_fit(); }
  std::size_t memory() const { return octets_.capacity(); }

 private:
  std::string octets_;
};

/// 128 bits that no outsider can predict: SipHash-2-4 with a key of this process.
struct Fingerprint {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};
Fingerprint fingerprint_of(std::string_view text) {
  static const auto key = [] {
    std::array<unsigned char, crypto_shorthash_siphashx24_KEYBYTES> made{};
    if (sodium_init() < 0) std::abort();
    randombytes_buf(made.data(), made.size());
    return made;
  }();
  static_assert(crypto_shorthash_siphashx24_BYTES == sizeof(Fingerprint));
  Fingerprint made;
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(&made),
                              reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                              key.data());
  return made;
}

/// Maps keys to the places of their values. It stores no keys: a key counts as one of the few with
/// which it shares a bucket with a probability of 2^-61, which a client cannot raise. A bucket is a
/// cache line, so a look-up mostly waits for memory once; and the smaller the index, the shorter.
class ValueIndex {
 public:
  static constexpr std::uint32_t none = 0xffffffff;

  /// Reserves space for `keys` keys.
  void reserve(std::size_t keys) { buckets_.assign(keys * 5 / 4 / in_bucket + 1, Bucket{}); }
  void insert(const Fingerprint& print, std::uint32_t value) {
    for (std::size_t at = place(print);; at = next(at)) {
      for (std::size_t i = 0; i < in_bucket; ++i) {
        if (buckets_[at].values[i] != none) continue;
        buckets_[at].prints[i] = print.low;
        buckets_[at].values[i] = value;
        return;
      }
    }
  }
  std::uint32_t find(const Fingerprint& print) const {
    if (buckets_.empty()) return none;
    for (std::size_t at = place(print);; at = next(at)) {
      const Bucket& bucket = buckets_[at];
      for (std::size_t i = 0; i < in_bucket; ++i) {
        if (bucket.prints[i] == print.low && bucket.values[i] != none) return bucket.values[i];
      }
      if (bucket.values.back() == none) return none;  // not full: the key is in no later one
    }
  }
  std::size_t memory() const { return buckets_.capacity() * sizeof(Bucket); }

 private:
  static constexpr std::size_t in_bucket = 5;  ///< keys
  struct alignas(64) Bucket {
    Bucket() { values.fill(none); }
    std::array<std::uint64_t, in_bucket> prints{};
    std::array<std::uint32_t, in_bucket> values;  ///< filled from the first on
  };
  static_assert(sizeof(Bucket) == 64);
  /// The first bucket to try, from bits that buckets do not store.
  std::size_t place(const Fingerprint& print) const {
    return static_cast<std::size_t>(((print.high >> 32) * buckets_.size()) >> 32);
  }
  std::size_t next(std::size_t at) const { return at + 1 == buckets_.size() ? 0 : at + 1; }

  std::vector<Bucket> buckets_;
};

bool is_ascii_key(std::string_view text) {
  std::uint64_t all = 0;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t octets = 0;
    std::memcpy(&octets, text.data(), sizeof octets);
    all |= octets;
  }
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return (all & 0x8080808080808080) == 0;
}

class ExactTable final : public NamedTable {
 public:
  using NamedTable::NamedTable;

  /// False: the key existed already.
  bool add(std::string_view key, std::string_view value, std::size_t line) {
    const std::string low = fold_key(key);
    const std::uint32_t hash = hash_of(low);
    if (row_of(low, hash) != OffsetIndex::none) return false;
    const std::uint32_t where = value_offset(value, line);
    rows_index_.insert(hash, keys_.end());
    lengths_ |= length_bit(low);
    keys_.add(low);
    keys_.add_number(where);
    // Domains are looked up with A-labels.
    if (const auto ascii = with_a_labels(key)) static_cast<void>(add(*ascii, value, line));
    return true;
  }
  void finish(RowReport& report) {
    keys_.shrink();
    values_.shrink();
    rows_ = rows_index_.count();
    if (rows_ > most_cached_rows) {
      large_.reserve(rows_);
      for (std::uint32_t at = 0; at < keys_.end();) {
        const Fingerprint print = fingerprint_of(keys_.text(at));
        large_.insert(print, keys_.number(at));
      }
      rows_index_ = OffsetIndex();
    }
    value_index_ = OffsetIndex();
    keep(report);
  }

  Found lookup(std::string_view key) const override {
    // ASCII has the same length when it is folded.
    if ((lengths_ & length_bit(key)) == 0 && is_ascii_key(key)) return {};
    return is_folded(key) ? lookup_folded(key) : lookup_folded(fold_key(key));
  }
  bool is_pattern() const override { return false; }
  std::optional<std::vector<std::string>> values() const override {
    std::vector<std::string> list;
    for (std::uint32_t at = 0; at < values_.end(); values_.number(at)) {
      list.emplace_back(values_.text(at));
    }
    return list;
  }
  std::optional<std::vector<Row>> rows_with(std::string_view value,
                                            std::size_t most) const override {
    std::vector<Row> rows;
    for (std::uint32_t at = 0; at < keys_.end() && rows.size() < most;) {
      const std::string_view key = keys_.text(at);
      std::uint32_t where = keys_.number(at);
      if (values_.text(where) != value) continue;
      rows.push_back({.key = std::string(key), .last = {}, .line = values_.number(where)});
    }
    return rows;
  }
  std::optional<std::vector<std::string>> row_names(std::size_t most) const override {
    if (rows_ > most) return std::nullopt;
    std::vector<std::string> names;
    for (std::uint32_t at = 0; at < keys_.end(); keys_.number(at)) {
      std::string name(keys_.text(at));
      // A domain is also there with its A-labels, in the next row.
      if (!with_a_labels(name)) names.push_back(std::move(name));
    }
    return names;
  }
  std::string row_named(std::string_view key) const override {
    if (lookup(key).status != Found::Status::found) return {};
    const std::string low = fold_key(key);
    return with_a_labels(low).value_or(low);
  }
  bool is_total() const override { return false; }
  std::size_t rows() const override { return rows_; }
  std::size_t memory() const override {
    return sizeof *this + rows_index_.memory() + large_.memory() + keys_.memory() +
           values_.memory();
  }

 private:
  Found lookup_folded(std::string_view low) const {
    std::uint32_t where = rows_ > most_cached_rows ? large_.find(fingerprint_of(low))
                                                   : value_of(row_of(low, hash_of(low)));
    if (where == ValueIndex::none) return {};
    return {Found::Status::found, std::string(values_.text(where)), {}};
  }
  std::uint32_t row_of(std::string_view low, std::uint32_t hash) const {
    return rows_index_.find(hash, [&](std::uint32_t at) { return keys_.text(at) == low; });
  }
  std::uint32_t value_of(std::uint32_t row) const {
    if (row == OffsetIndex::none) return ValueIndex::none;
    keys_.text(row);
    return keys_.number(row);
  }
  std::uint32_t value_offset(std::string_view value, std::size_t line) {
    const std::uint32_t hash = hash_of(value);
    const std::uint32_t known =
        value_index_.find(hash, [&](std::uint32_t at) { return values_.text(at) == value; });
    if (known != OffsetIndex::none) return known;
    const std::uint32_t where = values_.end();
    value_index_.insert(hash, where);
    values_.add(value);
    values_.add_number(static_cast<std::uint32_t>(line));
    return where;
  }

  Arena keys_;    ///< rows: key, offset of the value
  Arena values_;  ///< distinct values in the order of the source, each with its first line
  std::size_t rows_ = 0;
  std::uint64_t lengths_ = 0;  ///< of the keys: a small table answers most misses from them
  OffsetIndex rows_index_;   ///< key to its row in keys_; while rows are added, and in small tables
  OffsetIndex value_index_;  ///< the same of values, while rows are added
  ValueIndex large_;         ///< of large tables: key to its value in values_
};

struct ExactRow {
  std::string key;
  std::string_view value;
  std::string_view trouble = {};  ///< why it is not a row
  std::string_view doubt = {};    ///< what Postfix would warn about; without a key it is not a row
};

/// "key value".
ExactRow exact_row(std::string_view line) {
  if (is_blank(line.front())) {
    return {.trouble = "a line that begins with blank has nothing to continue"};
  }
  const std::size_t key = key_length(line);
  if (key == std::string_view::npos) return {.trouble = "a quote is not closed"};
  if (key == line.size()) return {.trouble = "a key without a value"};
  return {.key = std::string(line.substr(0, key)), .value = trim_blanks(line.substr(key))};
}

/// "name: value" (aliases(5)); a name with special characters is in quotes, which are not part of
/// it.
ExactRow alias_row(std::string_view line) {
  if (is_blank(line.front())) {
    return {.trouble = "a line that begins with blank has nothing to continue"};
  }
  std::string name;
  bool quoted = false;
  std::size_t at = 0;
  for (; at < line.size() && (quoted || line[at] != ':'); ++at) {
    if (line[at] == '"') {
      quoted = !quoted;
      continue;
    }
    if (quoted && line[at] == '\\' && at + 1 < line.size()) ++at;
    name += line[at];
  }
  if (quoted) return {.trouble = "a quote is not closed"};
  if (at == line.size()) {
    // Two words may have been written for postmap(1).
    ExactRow row = exact_row(line);
    if (!row.trouble.empty()) row = {};
    row.doubt = "no colon: aliases(5) wants `name: value`";
    return row;
  }
  const std::string_view value = trim_blanks(line.substr(at + 1));
  name = trim_blanks(name);
  if (name.empty()) return {.trouble = "a colon without a name"};
  if (value.empty()) return {.trouble = "a name without a value"};
  return {.key = std::move(name), .value = value};
}

}  // namespace

OpenedTable open_exact(std::string spec, std::string_view path, const TableSources& sources) {
  Result<std::string> text = sources.read(std::string(path));
  const bool has_no_source = !text && text.error().fault == Fault::not_found;
  bool compiled = false;
  if (has_no_source && spec.starts_with("lmdb:")) {
    // A program may have written the table itself.
    if (auto rows = sources.read(fmt::format("{}.lmdb", path)); rows) {
      text = std::move(rows);
      compiled = true;
    } else if (rows.error().fault != Fault::not_found) {
      return tl::unexpected(rows.error());
    } else {
      text.error().message += " (nor the compiled table beside it)";
    }
  } else if (has_no_source && !spec.starts_with("texthash:")) {
    text.error().message += fmt::format(
        " (Postern reads the source text, not the compiled table; `postmap -s {}` "
        "prints it)",
        spec);
  }
  if (!text) return tl::unexpected(text.error());
  if (text->size() > max_table_text) {
    return fail(Fault::limit, fmt::format("{}: longer than 1 GiB", path));
  }
  RowReport report{std::string(path), sources.bad_rows};
  const bool of_aliases =
      !compiled && !spec.starts_with("texthash:") && sources.aliases.contains(spec);
  auto table = std::make_shared<ExactTable>(std::move(spec));
  for (LogicalLines lines(*text); lines.next();) {
    const std::string_view line = lines.text();
    const std::size_t number = lines.number();
    const ExactRow row = of_aliases ? alias_row(line) : exact_row(line);
    if (!row.doubt.empty()) report.warn(number, std::string(row.doubt));
    if (!row.doubt.empty() && row.key.empty()) continue;
    if (!row.trouble.empty()) {
      if (!report.bad(number, row.trouble)) return report.error();
      continue;
    }
    if (!table->add(row.key, row.value, number)) {
      report.hidden(number);
      report.warn(number, fmt::format("the key `{}` is on an earlier line, which is used",
                                      printable(row.key, 64)));
    }
  }
  table->finish(report);
  return table;
}

OpenedTable open_accounts(std::string spec, std::string_view name, const TableSources& sources) {
  const bool of_groups = name == "group.byname";
  if (name != "passwd.byname" && !of_groups) {
    return fail(Fault::malformed, fmt::format("{}: write unix:passwd.byname or unix:group.byname",
                                              printable(spec, 200)));
  }
  const std::string path = of_groups ? "/etc/group" : "/etc/passwd";
  const Result<std::string> text = sources.read(path);
  if (!text) return tl::unexpected(text.error());
  RowReport report{path, BadRows::skip};
  auto table = std::make_shared<ExactTable>(std::move(spec));
  std::size_t number = 0;
  for (const std::string_view line : split(*text, '\n')) {
    ++number;
    // "+" and "-" begin rows of NIS.
    const std::string_view account = line.substr(0, line.find(':'));
    if (account.empty() ||
        std::string_view("#+-").find(account.front()) != std::string_view::npos) {
      continue;
    }
    table->add(account, account, number);
  }
  table->finish(report);
  return table;
}

OpenedTable open_inline(std::string spec, std::string_view name, const TableSources& sources) {
  const auto words = braced_words(name);
  if (!words || words->empty()) {
    return fail(Fault::malformed,
                fmt::format("{}: {}; write inline:{{ {{key = value}}, key=value }}",
                            printable(spec, 200), words ? "no keys" : words.error().message));
  }
  RowReport report{"inline:{...}", sources.bad_rows};
  struct Row {
    std::string key;
    std::string value;
    std::size_t number;
  };
  std::vector<Row> rows;
  std::size_t number = 0;
  for (const BracedWord& word : *words) {
    ++number;
    const std::size_t equals = word.text.find('=');
    const std::string_view key = trim_blanks(std::string_view(word.text).substr(0, equals));
    if (equals == std::string::npos || std::any_of(key.begin(), key.end(), is_blank)) {
      return fail(Fault::malformed, fmt::format("{}: `{}` is not key=value; with blanks it needs "
                                                "braces of its own",
                                                printable(spec, 200), printable(word.text, 64)));
    }
    const std::string_view value = trim_blanks(std::string_view(word.text).substr(equals + 1));
    if (key.empty()) {
      if (!report.bad(number, "an empty key")) return report.error();
      continue;
    }
    // Postfix starts with such a row: often the value is a $name that is not set.
    if (value.empty()) {
      report.warn(number, "a key without a value; the row is skipped");
      continue;
    }
    rows.push_back({std::string(key), std::string(value), number});
  }
  // As measured: here the last value of a key counts, in files the first.
  auto table = std::make_shared<ExactTable>(std::move(spec));
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (table->add(row->key, row->value, row->number)) continue;
    report.hidden(row->number);
    report.warn(row->number, fmt::format("the key `{}` is given again; the last value is used",
                                         printable(row->key, 64)));
  }
  table->finish(report);
  return table;
}

}  // namespace postern::dialect::restrictions
