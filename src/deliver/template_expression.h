// The expression parser: pipelines, commands and operands of a template action.
#pragma once

#include <string_view>

#include "deliver/template_lexer.h"
#include "deliver/template_tree.h"

namespace postern::deliver {

/// Depth of nested blocks or parentheses.
inline constexpr int max_template_nesting = 50;

/// Advances `place` from offset `from` to offset `to` of the template.
void advance(std::string_view text, std::size_t from, std::size_t to, Place& place);

/// Converts offsets to lines and columns; fast for increasing offsets.
class Places {
 public:
  /// `text` must outlive this.
  explicit Places(std::string_view text) : text_(text) {}
  /// The place of an offset.
  Place at(std::size_t offset);

 private:
  std::string_view text_;
  std::size_t known_at_ = 0;
  Place known_;
};

/// Parses the expressions of one template.
class ExpressionParser {
 public:
  /// All must outlive this. Errors go to `errors`.
  ExpressionParser(std::string_view text, Places& places, SyntaxErrors& errors)
      : text_(text), places_(places), errors_(errors) {}

  /// Parses the pipeline in [begin, end). The result is unusable after an error.
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
