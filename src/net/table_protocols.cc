#include "net/table_protocols.h"

#include "base/text.h"

namespace postern::net {

namespace {

constexpr std::size_t max_length_digits = 6;

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    if (at + 2 >= text.size()) return std::nullopt;
    const auto high = hex_value(text[at + 1]);
    const auto low = hex_value(text[at + 2]);
    if (!high || !low) return std::nullopt;
    decoded += static_cast<char>(*high * 16 + *low);
    at += 2;
  }
  return decoded;
}

tl::unexpected<Error> not_understood(std::string_view reply) {
  return fail(Fault::malformed, "not understood: " + printable(reply, 100));
}

tl::unexpected<Error> not_known(std::string_view reason) {
  return fail(Fault::temporary, "the server says: " + printable(trim(reason), 200));
}

struct Netstring {
  std::size_t begin;
  std::size_t length;
};

/// The head of a netstring; nullopt: malformed or incomplete.
std::optional<Netstring> netstring_head(std::string_view text) {
  const std::size_t colon = text.substr(0, max_length_digits + 1).find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto length = parse_number(text.substr(0, colon));
  if (!length) return std::nullopt;
  return Netstring{colon + 1, static_cast<std::size_t>(*length)};
}

constexpr std::string_view memcache_end = "END\r\n";

/// The line `VALUE KEY FLAGS LENGTH` with which a value begins; a fourth field may follow.
struct MemcacheHead {
  std::string_view key;
  std::uint64_t length;
};

/// The first line, with its CR; nullopt: it has no end within the limit.
std::optional<std::string_view> first_line(std::string_view text, const MemcacheLimits& limits) {
  const std::size_t end = text.substr(0, limits.line + 1).find('\n');
  return end == std::string_view::npos ? std::nullopt : std::optional(text.substr(0, end));
}

/// nullopt: another line. `line`: with its CR.
std::optional<MemcacheHead> memcache_head(std::string_view line) {
  if (!line.ends_with('\r')) return std::nullopt;
  line.remove_suffix(1);
  const auto fields = split(line, ' ');
  if (fields.size() < 4 || fields.size() > 5 || fields[0] != "VALUE") return std::nullopt;
  const auto length = parse_number(fields[3]);
  if (!length || !parse_number(fields[2])) return std::nullopt;
  return MemcacheHead{fields[1], *length};
}

}  // namespace

std::string tcp_table_request(std::string_view key) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string request = "get ";
  for (const char c : key) {
    if (c > ' ' && c < 0x7f && c != '%') {
      request += c;
      continue;
    }
    const auto octet = static_cast<unsigned char>(c);
    request += '%';
    request += digits[octet >> 4];
    request += digits[octet & 15];
  }
  return request + '\n';
}

std::size_t tcp_table_reply_size(std::string_view so_far) {
  const std::size_t end = so_far.find('\n');
  return end == std::string_view::npos ? 0 : end + 1;
}

TableReply tcp_table_reply(std::string_view reply) {
  if (!reply.ends_with('\n')) return not_understood(reply);
  reply.remove_suffix(1);
  const std::string_view status = reply.substr(0, 3);
  const std::string_view rest = reply.substr(status.size());
  if (!rest.empty() && rest[0] != ' ' && rest[0] != '\t') return not_understood(reply);
  const auto text = percent_decoded(rest.substr(rest.empty() ? 0 : 1));
  if (!text) return not_understood(reply);
  if (status == "200") return text;
  if (status == "500") return std::nullopt;
  if (status == "400") return not_known(*text);
  return not_understood(reply);
}

std::string socketmap_request(std::string_view map, std::string_view key) {
  std::string request = std::to_string(map.size() + 1 + key.size()) + ':';
  request.append(map).append(" ").append(key);
  return request + ',';
}

std::size_t socketmap_reply_size(std::string_view so_far) {
  const auto head = netstring_head(so_far);
  if (head) {
    const std::size_t size = head->begin + head->length + 1;
    return so_far.size() < size ? 0 : size;
  }
  const bool may_come = so_far.size() <= max_length_digits &&
                        so_far.find_first_not_of("0123456789") == std::string_view::npos;
  return may_come ? 0 : so_far.size();
}

TableReply socketmap_reply(std::string_view reply) {
  const auto head = netstring_head(reply);
  if (!head || reply.size() != head->begin + head->length + 1 || !reply.ends_with(',')) {
    return not_understood(reply);
  }
  const std::string_view text = reply.substr(head->begin, head->length);
  const std::size_t blank = text.find(' ');
  const std::string_view word = text.substr(0, blank);
  const std::string_view rest =
      blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  if (word == "OK") return std::string(rest);
  if (word == "NOTFOUND") return std::nullopt;
  if (word == "TEMP" || word == "TIMEOUT" || word == "PERM") return not_known(rest);
  return not_understood(text);
}

std::string memcache_request(std::string_view key) {
  return std::string("get ").append(key).append("\r\n");
}

std::size_t memcache_reply_size(std::string_view so_far, const MemcacheLimits& limits) {
  const auto line = first_line(so_far, limits);
  if (!line) return so_far.size() > limits.line ? limits.line + 1 : 0;
  const std::size_t begin = line->size() + 1;
  const auto head = memcache_head(*line);
  if (!head || head->length > limits.value) return begin;
  const std::size_t size = begin + head->length + 2 + memcache_end.size();
  return so_far.size() < size ? 0 : size;
}

TableReply memcache_reply(std::string_view reply, std::string_view key,
                          const MemcacheLimits& limits) {
  if (reply == memcache_end) return std::nullopt;
  const auto line = first_line(reply, limits);
  if (!line) {
    return reply.size() > limits.line ? fail(Fault::malformed, "a line longer than line_size_limit")
                                      : not_understood(reply);
  }
  const auto head = memcache_head(*line);
  if (!head) {
    // protocol.txt of memcached, "Error strings".
    const bool says = line->starts_with("SERVER_ERROR ") || line->starts_with("CLIENT_ERROR ");
    return says ? not_known(*line) : not_understood(trim(*line));
  }
  if (head->key != key) return fail(Fault::malformed, "the value of another key");
  if (head->length > limits.value) {
    return fail(Fault::malformed, "a value of " + std::to_string(head->length) +
                                      " octets, more than data_size_limit");
  }
  const std::string_view rest = reply.substr(line->size() + 1);
  const std::string_view value = rest.substr(0, head->length);
  if (rest.substr(value.size()) != std::string("\r\n").append(memcache_end)) {
    return not_understood(rest.substr(value.size()));
  }
  return std::string(value);
}

}  // namespace postern::net
