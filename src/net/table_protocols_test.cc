#include "net/table_protocols.h"

#include <gtest/gtest.h>

namespace postern::net {
namespace {

/// "=value", "absent", "temporary: …" or "malformed: …".
std::string said(const TableReply& reply) {
  if (!reply) {
    return (reply.error().fault == Fault::temporary ? "temporary: " : "malformed: ") +
           reply.error().message;
  }
  return *reply ? "=" + **reply : "absent";
}

TEST(TableProtocols, requests) {
  EXPECT_EQ(tcp_table_request("user@example.org"), "get user@example.org\n");
  EXPECT_EQ(tcp_table_request(std::string("a b%\n\xff\0", 7)), "get a%20b%25%0A%FF%00\n");
  EXPECT_EQ(socketmap_request("map", "a b"), "7:map a b,");
  EXPECT_EQ(socketmap_request("m", ""), "2:m ,");
}

TEST(TableProtocols, tcp_replies) {
  const struct {
    const char* reply;
    const char* says;
  } cases[] = {
      {"200 REJECT%20no%0A\n", "=REJECT no\n"},
      {"200 REJECT no\n", "=REJECT no"},
      {"200 \n", "="},
      {"200\n", "="},
      {"500 nothing\n", "absent"},
      {"500\n", "absent"},
      {"400 later%07\n", "temporary: the server says: later\\x07"},
      {"200 x%2\n", "malformed: not understood: 200 x%2"},
      {"200 %zz\n", "malformed: not understood: 200 %zz"},
      {"2000 x\n", "malformed: not understood: 2000 x"},
      {"300 x\n", "malformed: not understood: 300 x"},
      {"\n", "malformed: not understood: "},
      {"200 x", "malformed: not understood: 200 x"},
  };
  for (const auto& one : cases) EXPECT_EQ(said(tcp_table_reply(one.reply)), one.says) << one.reply;
  EXPECT_EQ(tcp_table_reply_size("200 x"), 0u);
  EXPECT_EQ(tcp_table_reply_size("200 x\n200 y\n"), 6u);
}

TEST(TableProtocols, socketmap_replies) {
  const struct {
    const char* reply;
    const char* says;
  } cases[] = {
      {"12:OK REJECT no,", "=REJECT no"},
      {"3:OK ,", "="},
      {"2:OK,", "="},
      {"9:NOTFOUND ,", "absent"},
      {"8:NOTFOUND,", "absent"},
      {"10:TEMP later,", "temporary: the server says: later"},
      {"9:TIMEOUT x,", "temporary: the server says: x"},
      {"6:PERM x,", "temporary: the server says: x"},
      {"5:MAYBE,", "malformed: not understood: MAYBE"},
      {"0:,", "malformed: not understood: "},
      {"3:OK x", "malformed: not understood: 3:OK x"},
      {"2:OK ,", "malformed: not understood: 2:OK ,"},
      {"x:OK,", "malformed: not understood: x:OK,"},
      {"", "malformed: not understood: "},
  };
  for (const auto& one : cases) EXPECT_EQ(said(socketmap_reply(one.reply)), one.says) << one.reply;
  EXPECT_EQ(socketmap_reply_size(""), 0u);
  EXPECT_EQ(socketmap_reply_size("12"), 0u);
  EXPECT_EQ(socketmap_reply_size("4:OK "), 0u);
  EXPECT_EQ(socketmap_reply_size("4:OK x,more"), 7u);
  EXPECT_EQ(socketmap_reply_size("no netstring"), 12u);
  EXPECT_EQ(socketmap_reply_size("1234567"), 7u);
  EXPECT_EQ(socketmap_reply_size("999999:"), 0u);
}

TEST(TableProtocols, memcache_replies) {
  EXPECT_EQ(memcache_request("a@example.org"), "get a@example.org\r\n");
  constexpr MemcacheLimits limits{.line = 28, .value = 10};
  const struct {
    const char* reply;
    const char* says;
  } cases[] = {
      {"VALUE k 0 9\r\nREJECT no\r\nEND\r\n", "=REJECT no"},
      {"VALUE k 4294967295 0\r\n\r\nEND\r\n", "="},
      {"VALUE k 0 5 77\r\na\r\nbc\r\nEND\r\n", "=a\r\nbc"},
      {"VALUE k 0 10\r\n0123456789\r\nEND\r\n", "=0123456789"},
      {"END\r\n", "absent"},
      {"SERVER_ERROR out of memory\r\n", "temporary: the server says: SERVER_ERROR out of memory"},
      {"CLIENT_ERROR bad\x07\r\n", "temporary: the server says: CLIENT_ERROR bad\\x07"},
      {"ERROR\r\n", "malformed: not understood: ERROR"},
      {"END\n", "malformed: not understood: END"},
      {"VALUE k 0 2\nhi\r\nEND\r\n", "malformed: not understood: VALUE k 0 2"},
      {"VALUE other 0 2\r\nhi\r\nEND\r\n", "malformed: the value of another key"},
      {"VALUE k 0 11\r\n", "malformed: a value of 11 octets, more than data_size_limit"},
      {"VALUE k 0 18446744073709551616\r\n", "malformed: a line longer than line_size_limit"},
      {"VALUE k 0 99999999999\r\n",
       "malformed: a value of 99999999999 octets, more than data_size_limit"},
      {"VALUE k 0 -1\r\n", "malformed: not understood: VALUE k 0 -1"},
      {"VALUE k x 2\r\n", "malformed: not understood: VALUE k x 2"},
      {"VALUE k 0\r\n", "malformed: not understood: VALUE k 0"},
      {"VALUE  k 0 2\r\n", "malformed: not understood: VALUE  k 0 2"},
      {"VALUE k 0 2\r\nhiyouEND\r\n", "malformed: not understood: youEND\\x0d\\x0a"},
      {"VALUE k 0 2\r\nhi\r\nXND\r\n", "malformed: not understood: \\x0d\\x0aXND\\x0d\\x0a"},
      {"VALUE k 0 2\r\nhi\r\n", "malformed: not understood: \\x0d\\x0a"},
      {"", "malformed: not understood: "},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(said(memcache_reply(one.reply, "k", limits)), one.says) << one.reply;
  }
  const auto size = [&](std::string_view so_far) { return memcache_reply_size(so_far, limits); };
  EXPECT_EQ(size(""), 0u);
  EXPECT_EQ(size("END\r"), 0u);
  EXPECT_EQ(size("END\r\nmore"), 5u);
  EXPECT_EQ(size("SERVER_ERROR x\r\nmore"), 16u);
  EXPECT_EQ(size("VALUE k 0 2\r\nhi\r\nEND\r"), 0u);
  EXPECT_EQ(size("VALUE k 0 2\r\nhi\r\nEND\r\nmore"), 22u);
  EXPECT_EQ(size("VALUE k 0 11\r\nhi"), 14u) << "nothing of a value that is too long is read";
  // As in Postfix a line's CR counts.
  const std::string longest = "VALUE " + std::string(17, 'k') + " 0 2\r\n";
  EXPECT_EQ(size(longest), 0u);
  EXPECT_EQ(size("x" + longest), 29u);
  EXPECT_EQ(size(std::string(28, 'x')), 0u);
  EXPECT_EQ(size(std::string(40, 'x')), 29u);
}

}  // namespace
}  // namespace postern::net
