// Replies of table servers (tcp_table(5), socketmap_table(5), memcached): any octets in any chunks.
// The first octet chooses the protocol.
#include "net/table_protocols.h"

#include "base/text.h"
#include "invariant.h"

using namespace postern;
using namespace postern::net;
using fuzz::must;

namespace {

template <class SizeOf, class Parse>
void check(std::string_view sent, SizeOf size_of, Parse parse) {
  const std::size_t size = size_of(sent);
  must(size <= sent.size(), "a reply is among what was sent");
  // No part of a reply counts as a whole reply, and no part gives another size.
  for (std::size_t some = 1; some < size; ++some) {
    const std::size_t early = size_of(sent.substr(0, some));
    must(early == 0 || early == some, "a reply does not end before its end");
    if (early != 0) must(!parse(sent.substr(0, some)), "what ends early is no reply");
  }
  const TableReply reply = parse(sent.substr(0, size == 0 ? sent.size() : size));
  if (size == 0) must(!reply, "half a reply says nothing");
  if (!reply) must(reply.error().message.size() < 1200, "a sentence");
  if (!reply) must(is_ascii(reply.error().message), "a sentence in ASCII");
  if (reply && *reply) must((*reply)->size() <= sent.size(), "a value is no longer than its reply");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const std::string_view sent(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    check(sent, tcp_table_reply_size, tcp_table_reply);
  } else if (data[0] % 3 == 1) {
    check(sent, socketmap_reply_size, socketmap_reply);
  } else {
    constexpr MemcacheLimits limits{.line = 40, .value = 60};
    const auto size_of = [&](std::string_view some) { return memcache_reply_size(some, limits); };
    const auto parse = [&](std::string_view reply) { return memcache_reply(reply, "k", limits); };
    check(sent, size_of, parse);
    must(size_of(sent) <= limits.reply(), "a reply is within the limits");
    must(sent.size() < limits.reply() || size_of(sent) != 0, "no more is waited for");
    const TableReply reply = parse(sent);
    if (reply && *reply) must((*reply)->size() <= limits.value, "a value is within the limit");
  }
  // A server that returns the key as its value.
  const std::string request = tcp_table_request(sent);
  const TableReply mirrored = tcp_table_reply("200" + request.substr(3));
  must(mirrored && *mirrored && **mirrored == sent, "keys are encoded without loss");
  const std::string framed = socketmap_request("OK", sent);
  must(socketmap_reply_size(framed) == framed.size(), "requests are netstrings");
  const TableReply same = socketmap_reply(framed);
  must(same && *same && **same == sent, "keys are framed without loss");
  const MemcacheLimits wide{.value = 4096};
  const std::string value =
      "VALUE k 0 " + std::to_string(sent.size()) + "\r\n" + std::string(sent) + "\r\nEND\r\n";
  must(memcache_reply_size(value, wide) == value.size(), "a value has the length it says");
  const TableReply cached = memcache_reply(value, "k", wide);
  must(cached && *cached && **cached == sent, "a value may hold any octets");
  return 0;
}
