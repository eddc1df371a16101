// cidr: its rows and if ... endif blocks become disjoint ranges (address_ranges.h).
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "base/ip.h"
#include "base/text.h"
#include "dialect/restrictions/address_ranges.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {
namespace {

using V4 = std::uint32_t;
__extension__ using V6 = unsigned __int128;

/// A network of a row, or of an `if` around it.
struct NetworkCondition {
  Cidr network;          ///< as written
  bool negated = false;  ///< the other addresses of its family
  bool mapped = false;   ///< written as ::ffff:a.b.c.d: no client is in it
};
/// A row as it is written; look-ups use disjoint ranges.
struct NetworkRow {
  std::vector<NetworkCondition> conditions;  ///< all hold; the last one is its own
};

/// Tables with more rows do not keep them.
constexpr std::size_t most_network_rows = 1000;
/// Ranges of all rows together; nested `if !network` multiply them.
constexpr std::size_t max_claims = 8'000'000;

template <class Address>
Address number_of(const IpAddress& address) {
  Address number = 0;
  for (const char octet : address.octets()) {
    number = number << 8 | static_cast<unsigned char>(octet);
  }
  return number;
}

template <class Address>
Range<Address> range_in(const Cidr& network) {
  const auto first = number_of<Address>(network.network());
  const int host_bits = network.network().bits() - network.prefix();
  const int bits = network.network().bits();
  const Address hosts = host_bits == bits ? ~Address{0} : (Address{1} << host_bits) - 1;
  return {first, first | hosts};
}

std::string address_text(V4 number) { return IpAddress::v4(number).to_string(); }
std::string address_text(V6 number) {
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = octets.size(); i-- > 0; number >>= 8) {
    octets[i] = static_cast<std::uint8_t>(number);
  }
  return IpAddress::v6(octets).to_string();
}

class CidrTable final : public NamedTable {
 public:
  using NamedTable::NamedTable;

  Found lookup(std::string_view key) const override {
    const auto address = IpAddress::from_text(key);  // nullopt for host names
    return address ? lookup_address(*address) : Found{};
  }
  Found lookup_address(const IpAddress& address) const override {
    if (!address.is_known()) return {};
    return found(address.is_v4() ? v4_.find(number_of<V4>(address))
                                 : v6_.find(number_of<V6>(address)));
  }
  bool is_pattern() const override { return true; }
  bool is_network() const override { return true; }
  std::optional<std::vector<std::string>> values() const override { return values_.list(); }
  std::optional<std::vector<Row>> rows_with(std::string_view value,
                                            std::size_t most) const override {
    std::vector<Row> rows;
    const auto take = [&](auto first, auto last, std::uint32_t id) {
      if (rows.size() >= most || values_[id] != value) return;
      rows.push_back(
          {.key = address_text(first), .last = address_text(last), .line = values_.line(id)});
    };
    v4_.each(take);
    v6_.each(take);
    return rows;
  }
  std::optional<std::vector<std::string>> row_names(std::size_t most) const override {
    if (written_.size() > std::min(most, most_network_rows)) return std::nullopt;
    std::vector<std::string> names;
    for (const NetworkRow& row : written_) {
      std::string name = name_of(row);
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
    return names;
  }
  std::string row_named(std::string_view key) const override {
    const auto address = IpAddress::from_text(key);
    if (!address || written_.size() > most_network_rows) return {};
    const auto row = std::ranges::find_if(written_, [&](const NetworkRow& one) {
      return std::ranges::all_of(one.conditions, [&](const NetworkCondition& condition) {
        if (condition.mapped) return condition.negated && !address->is_v4();
        return address->is_v4() == condition.network.network().is_v4() &&
               condition.network.contains(*address) != condition.negated;
      });
    });
    return row == written_.end() ? std::string() : name_of(*row);
  }
  bool is_total() const override { return v4_.is_total() && v6_.is_total(); }
  std::size_t rows() const override { return rows_; }
  std::size_t memory() const override {
    std::size_t sum = sizeof *this + v4_.memory() + v6_.memory() + values_.memory();
    for (const NetworkRow& row : written_) {
      sum += sizeof row + row.conditions.capacity() * sizeof(NetworkCondition);
    }
    return sum;
  }

 private:
  friend class CidrReader;
  static std::string name_of(const NetworkRow& row) {
    const NetworkCondition& own = row.conditions.back();
    const std::string network = own.mapped
                                    ? fmt::format("::ffff:{}/{}", own.network.network().to_string(),
                                                  96 + own.network.prefix())
                                    : own.network.to_string();
    return (own.negated ? "!" : "") + network;
  }
  Found found(std::uint32_t value) const {
    if (value == AddressRanges<V4>::none) return {};
    return {Found::Status::found, values_[value], {}};
  }

  AddressRanges<V4> v4_;
  AddressRanges<V6> v6_;
  ValueList values_;
  std::size_t rows_ = 0;
  std::vector<NetworkRow> written_;  ///< the first rows
};

class CidrReader {
 public:
  CidrReader(CidrTable& table, RowReport& report) : table_(table), report_(report) {
    blocks_.push_back({{{0, ~V4{0}}}, {{0, ~V6{0}}}, 0, {}});
  }

  Result<void> read(std::string_view text) {
    for (LogicalLines lines(text); lines.next();) {
      line_ = lines.number();
      if (!row(lines.text())) return report_.error();
      if (v4_.size() + v6_.size() > max_claims) {
        return fail(Fault::limit,
                    fmt::format("{}: more than {} ranges", table_.name(), max_claims));
      }
    }
    for (; blocks_.size() > 1; blocks_.pop_back()) {
      if (!report_.bad(blocks_.back().line, "`if` without `endif`")) return report_.error();
    }
    std::vector<bool> wins(value_of_.size(), false);
    table_.v4_.build(v4_, value_of_, wins);
    table_.v6_.build(v6_, value_of_, wins);
    for (std::size_t i = 0; i < wins.size(); ++i) {
      if (!wins[i]) report_.hidden(line_of_[i]);
    }
    table_.rows_ = value_of_.size();
    table_.keep(report_);
    return {};
  }

 private:
  /// The addresses to which the rows of a block apply.
  struct Block {
    Ranges<V4> v4;
    Ranges<V6> v6;
    std::size_t line;
    std::vector<NetworkCondition> conditions;
  };
  using Pattern = NetworkCondition;

  /// False: the table does not load.
  bool row(std::string_view text) {
    if (is_blank(text.front())) {
      return report_.bad(line_, "a line that begins with blank has nothing to continue");
    }
    std::string_view rest = text;
    const std::string_view word = take_word(rest);
    if (iequals(word, "endif")) return end_block(rest);
    if (iequals(word, "if")) return begin_block(rest);
    rest = text;
    const auto pattern = take_pattern(rest);
    if (!pattern) return report_.bad(line_, pattern.error().message);
    if (rest.empty()) return report_.bad(line_, "a network without a result");
    note_mapped(*pattern);
    keep_as_written(*pattern);
    if (!pattern->mapped || pattern->negated) claim(*pattern, rest);
    return true;
  }

  static Result<Pattern> take_pattern(std::string_view& rest) {
    bool negated = false;
    while (rest.starts_with('!')) {
      negated = !negated;
      rest = trim_blanks(rest.substr(1));
    }
    const std::string_view word = take_word(rest);
    const Result<Cidr> network = Cidr::parse(unbracketed(word));
    if (!network) return tl::unexpected(network.error());
    const bool mapped = network->network().is_v4() && word.find(':') != std::string_view::npos;
    return Pattern{*network, negated, mapped};
  }
  void note_mapped(const Pattern& pattern) {
    if (!pattern.mapped) return;
    report_.warn(line_, "no client is in this network: IPv4 is written a.b.c.d here");
  }
  /// `[2001:db8::]/32` and `[2001:db8::/32]` are valid too.
  static std::string unbracketed(std::string_view word) {
    std::string text(word);
    const std::size_t close = text.find(']');
    if (text.starts_with('[') && close != std::string::npos) text.erase(close, 1).erase(0, 1);
    return text;
  }

  bool begin_block(std::string_view rest) {
    const auto pattern = take_pattern(rest);
    if (!pattern) return report_.bad(line_, pattern.error().message);
    if (!rest.empty()) return report_.bad(line_, "text after the network of `if`");
    if (blocks_.size() > max_table_nesting) return report_.bad(line_, "`if` is nested too deep");
    note_mapped(*pattern);
    Block block{v4_within(*pattern), v6_within(*pattern), line_, blocks_.back().conditions};
    block.conditions.push_back(*pattern);
    blocks_.push_back(std::move(block));
    return true;
  }
  bool end_block(std::string_view rest) {
    if (!rest.empty()) return report_.bad(line_, "text after `endif`");
    if (blocks_.size() == 1) return report_.bad(line_, "`endif` without `if`");
    blocks_.pop_back();
    return true;
  }

  /// As measured, a negated network matches the other addresses of its own family only.
  Ranges<V4> v4_within(const Pattern& pattern) const {
    if (!pattern.network.network().is_v4() || pattern.mapped) return {};
    const auto one = range_in<V4>(pattern.network);
    return pattern.negated ? without(blocks_.back().v4, one) : common(blocks_.back().v4, one);
  }
  Ranges<V6> v6_within(const Pattern& pattern) const {
    if (pattern.mapped && pattern.negated) return blocks_.back().v6;
    if (pattern.network.network().is_v4()) return {};
    const auto one = range_in<V6>(pattern.network);
    return pattern.negated ? without(blocks_.back().v6, one) : common(blocks_.back().v6, one);
  }

  void keep_as_written(const Pattern& pattern) {
    if (table_.written_.size() > most_network_rows) return;
    NetworkRow row{blocks_.back().conditions};
    row.conditions.push_back(pattern);
    table_.written_.push_back(std::move(row));
  }

  void claim(const Pattern& pattern, std::string_view value) {
    const auto row = static_cast<std::uint32_t>(value_of_.size());
    value_of_.push_back(table_.values_.id(value, line_));
    line_of_.push_back(line_);
    for (const auto& range : v4_within(pattern)) v4_.push_back({range, row});
    for (const auto& range : v6_within(pattern)) v6_.push_back({range, row});
  }

  CidrTable& table_;
  RowReport& report_;
  std::size_t line_ = 0;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> value_of_;  ///< of each row
  std::vector<std::size_t> line_of_;
  std::vector<AddressRanges<V4>::Claim> v4_;
  std::vector<AddressRanges<V6>::Claim> v6_;
};

}  // namespace

OpenedTable open_cidr(std::string spec, std::string_view name, const TableSources& sources) {
  const auto source = read_source("cidr", name, sources);
  if (!source) return tl::unexpected(source.error());
  RowReport report(source->file, sources.bad_rows);
  auto table = std::make_shared<CidrTable>(std::move(spec));
  if (const auto read = CidrReader(*table, report).read(source->text); !read) {
    return tl::unexpected(read.error());
  }
  return table;
}

}  // namespace postern::dialect::restrictions
