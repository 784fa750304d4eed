package text

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The lexer. Comments and white space are tokens that the parser passes over; the formatter reads
// the comments.
var lexerDef = lexer.MustSimple([]lexer.SimpleRule{
	{Name: "Comment", Pattern: `//[^\n]*`},
	{Name: "Space", Pattern: `[ \t\r\n]+`},
	{Name: "Number", Pattern: `([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?`},
	{Name: "Ident", Pattern: `[\p{L}_][\p{L}\p{Nd}_]*`},
	{Name: "Punct", Pattern: `->|<=|>=|==|[-+*/@%<>=(){}\[\]:,]`},
})

// unit is a program or μGraph.
type unit struct {
	Pos     lexer.Position
	Kind    string        `parser:"@('program' | 'ugraph')"`
	Name    *ident        `parser:"@@"`
	For     *ident        `parser:"('for' @@)?"`
	Inputs  []*param      `parser:"'(' (@@ ((?! ',' ')') ',' @@)* ','?)? ')'"`
	Outputs []*result     `parser:"'->' '(' (@@ ((?! ',' ')') ',' @@)* ','?)? ')'"`
	Where   []*constraint `parser:"('where' @@ ((?! ',' '{') ',' @@)* ','?)?"`
	Body    []*stmt       `parser:"'{' @@*"`
	Close   *mark         `parser:"@@"`
	EndPos  lexer.Position
}

// mark is a closing brace, kept for its place.
type mark struct {
	Pos   lexer.Position
	Brace string `parser:"@'}'"`
}

type ident struct {
	Pos  lexer.Position
	Text string `parser:"@Ident"`
}

type param struct {
	Pos    lexer.Position
	Name   *ident `parser:"@@ ':'"`
	Const  bool   `parser:"@'const'?"`
	DType  *ident `parser:"@@"`
	Shape  []*sum `parser:"'[' (@@ ((?! ',' ']') ',' @@)* ','?)? ']'"`
	EndPos lexer.Position
}

type result struct {
	Pos    lexer.Position
	Name   *ident `parser:"@@"`
	DType  *ident `parser:"(':' @@)?"`
	EndPos lexer.Position
}

// constraint is a chain of comparisons between a symbol and integers, or a divisibility.
type constraint struct {
	Pos   lexer.Position
	First *bound   `parser:"@@"`
	Mod   string   `parser:"( '%' @Number"`
	Zero  string   `parser:"'==' @Number"`
	Rest  []*below `parser:"| @@+ )"`
}

type bound struct {
	Pos    lexer.Position
	Number string `parser:"  @Number"`
	Symbol string `parser:"| @Ident"`
}

type below struct {
	Op    string `parser:"@('<' | '<=' | '==' | '>=' | '>')"`
	Bound *bound `parser:"@@"`
}

type stmt struct {
	Pos    lexer.Position
	Store  *store `parser:"  (?= 'store' Ident) 'store' @@"`
	Def    *def   `parser:"| @@"`
	EndPos lexer.Position
}

type store struct {
	Name  *ident `parser:"@@"`
	Place []*arg `parser:"('(' (@@ ((?! ',' ')') ',' @@)* ','?)? ')')? '='"`
	Value *expr  `parser:"@@"`
}

type def struct {
	Names  []*ident   `parser:"@@ (',' @@)* '='"`
	Kernel *kernel    `parser:"( (?= 'kernel' Ident? '(') 'kernel' @@"`
	Thread *threadDef `parser:"| (?= 'thread' Ident? '(') 'thread' @@"`
	Value  *expr      `parser:"| @@ )"`
}

type kernel struct {
	Pos   lexer.Position
	Name  *ident       `parser:"@@?"`
	Args  []*bind      `parser:"'(' (@@ ((?! ',' ')') ',' @@)* ','?)? ')'"`
	Grid  []*extentCut `parser:"('grid' '(' @@ ((?! ',' ')') ',' @@)* ','? ')')?"`
	Loop  *extentCut   `parser:"('loop' '(' @@ ')')?"`
	Body  []*stmt      `parser:"'{' @@*"`
	Close *mark        `parser:"@@"`
}

type threadDef struct {
	Pos     lexer.Position
	Name    *ident    `parser:"@@?"`
	Args    []*bind   `parser:"'(' (@@ ((?! ',' ')') ',' @@)* ','?)? ')'"`
	Outputs []*result `parser:"'->' '(' (@@ ((?! ',' ')') ',' @@)* ','?)? ')'"`
	Body    []*stmt   `parser:"'{' @@*"`
	Close   *mark     `parser:"@@"`
}

// bind passes a value into a kernel or thread graph: outer, or inner=outer.
type bind struct {
	Pos   lexer.Position
	Name  *ident `parser:"@@"`
	Outer *ident `parser:"('=' @@)?"`
}

// extentCut is a grid dimension or loop.
type extentCut struct {
	Pos   lexer.Position
	Name  *ident `parser:"@@ ':'"`
	Size  *sum   `parser:"@@"`
	Tile  string `parser:"( 'by' @Number"`
	Parts bool   `parser:"| @'parts' )"`
}

// expr is a chain of operands and infix operators; tree resolves their precedence.
type expr struct {
	Pos   lexer.Position
	First *operand `parser:"@@"`
	Rest  []*infix `parser:"@@*"`
}

type infix struct {
	Pos     lexer.Position
	Op      string   `parser:"@('@' | '*' | '/' | '+' | '-' | '<=' | '<' | '==' | '>=' | '>')"`
	Operand *operand `parser:"@@"`
}

type operand struct {
	Pos    lexer.Position
	Minus  []string `parser:"@'-'*"`
	Number string   `parser:"( @Number"`
	Call   *call    `parser:"| (?= ('const' | Ident) '(') @@"`
	Name   *ident   `parser:"| @@"`
	Paren  *expr    `parser:"| '(' @@ ')' )"`
}

type call struct {
	Pos  lexer.Position
	Op   string `parser:"@('const' | Ident)"`
	Args []*arg `parser:"'(' (@@ ((?! ',' ')') ',' @@)* ','?)? ')'"`
}

// arg is an operand or an attribute.
type arg struct {
	Pos   lexer.Position
	Attr  *attr `parser:"  (?= Ident '=') @@"`
	Value *expr `parser:"| @@"`
}

type attr struct {
	Name string `parser:"@Ident '='"`
	List *list  `parser:"( @@"`
	One  *sum   `parser:"| @@ )"`
}

type list struct {
	Pos   lexer.Position
	Items []*sum `parser:"'[' (@@ ((?! ',' ']') ',' @@)* ','?)? ']'"`
}

// sum is an attribute's value or a dimension: a number, word, or polynomial.
type sum struct {
	Pos   lexer.Position
	First *product  `parser:"@@"`
	Rest  []*addend `parser:"@@*"`
}

type addend struct {
	Op      string   `parser:"@('+' | '-')"`
	Product *product `parser:"@@"`
}

type product struct {
	First *factor   `parser:"@@"`
	Rest  []*scaled `parser:"@@*"`
}

type scaled struct {
	Op     string  `parser:"@('*' | '/')"`
	Factor *factor `parser:"@@"`
}

type factor struct {
	Pos    lexer.Position
	Minus  bool     `parser:"@'-'?"`
	Number string   `parser:"( @Number"`
	Ceil   *ceiling `parser:"| (?= 'ceil' '(') 'ceil' @@"`
	Word   string   `parser:"| @Ident"`
	Paren  *sum     `parser:"| '(' @@ ')' )"`
}

// ceiling is ceil(size, divisor).
type ceiling struct {
	Num *sum   `parser:"'(' @@ ','"`
	Den string `parser:"@Number ')'"`
}

var unitParser = participle.MustBuild[unit](
	participle.Lexer(lexerDef),
	participle.Elide("Comment", "Space"),
	// Every alternative is told by its first token or a (?= …), so errors stay where they are found.
	participle.UseLookahead(0),
)
