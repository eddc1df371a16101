// Replies of table servers (tcp_table(5), socketmap_table(5)): any octets in any chunks. The first
// octet chooses the protocol.
#include "net/table_protocols.h"

#include "base/text.h"
#include "invariant.h"

using namespace postern;
using namespace postern::net;
using fuzz::must;

namespace {

void check(std::string_view sent, std::size_t (*size_of)(std::string_view),
           TableReply (*parse)(std::string_view)) {
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
  if (data[0] % 2 == 0) {
    check(sent, tcp_table_reply_size, tcp_table_reply);
  } else {
    check(sent, socketmap_reply_size, socketmap_reply);
  }
  // A server that returns the key as its value.
  const std::string request = tcp_table_request(sent);
  const TableReply mirrored = tcp_table_reply("200" + request.substr(3));
  must(mirrored && *mirrored && **mirrored == sent, "keys are encoded without loss");
  const std::string framed = socketmap_request("OK", sent);
  must(socketmap_reply_size(framed) == framed.size(), "requests are netstrings");
  const TableReply same = socketmap_reply(framed);
  must(same && *same && **same == sent, "keys are framed without loss");
  return 0;
}
