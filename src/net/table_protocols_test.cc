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

}  // namespace
}  // namespace postern::net
