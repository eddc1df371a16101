// Pipelines, commands and operands of a template action.
#pragma once

#include <string_view>

#include "deliver/template_lexer.h"
#include "deliver/template_tree.h"

namespace postern::deliver {

/// Blocks, or parentheses, inside each other.
inline constexpr int max_template_nesting = 50;

/// Moves `place` from offset `from` to offset `to` of the template.
void advance(std::string_view text, std::size_t from, std::size_t to, Place& place);

/// Turns offsets into line and column; quick when they are asked for in order.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}
  Place at(std::size_t offset);

 private:
  std::string_view text_;
  std::size_t known_at_ = 0;
  Place known_;
};

class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, Places& places, SyntaxErrors& errors)
      : text_(text), places_(places), errors_(errors) {}

  /// The pipeline that fills [begin, end). What it returns after an error is not to be used.
  TemplatePipeline parse(std::size_t begin, std::size_t end);

 private:
  TemplatePipeline pipeline(TemplateLexer& lexer, TemplateToken& token, int depth);
  TemplateCommand command(TemplateLexer& lexer, TemplateToken& token, int depth, bool piped);
  TemplateOperand operand(TemplateLexer& lexer, TemplateToken& token, int depth);
  TemplateOperand parenthesised(TemplateLexer& lexer, TemplateToken& token, int depth);
  TemplateFunction function(const TemplateToken& token);
  void number(const TemplateToken& token, TemplateOperand& result);
  void check_count(const TemplateCommand& command, std::size_t at, bool piped);

  std::string_view text_;
  Places& places_;
  SyntaxErrors& errors_;
};

}  // namespace postern::deliver
