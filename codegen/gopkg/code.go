package gopkg

import (
	"fmt"

	"github.com/dave/jennifer/jen"
)

// structs declares Weights, Inputs, Outputs and Kernel.
func (s signature) structs(f *jen.File) {
	if len(s.weights) > 0 {
		f.Comment("Weights are the constant tensors, row-major. They are packed once and must not change afterwards.")
		f.Type().Id("Weights").StructFunc(func(g *jen.Group) { tensors(g, s.weights) })
	}
	doc := "Inputs are the tensors of one run, row-major."
	if len(s.symbols) > 0 {
		doc = "Inputs are the sizes of one run, and its tensors, row-major."
	}
	f.Comment(doc)
	f.Type().Id("Inputs").StructFunc(func(g *jen.Group) {
		for i, y := range s.symbols {
			b := s.program.Symbols[i]
			doc := fmt.Sprintf("%d <= %s <= %d", b.Lo, b.Name, b.Hi)
			if b.Multiple > 1 {
				doc += fmt.Sprintf(", a multiple of %d", b.Multiple)
			}
			g.Id(y.name).Int().Comment(doc)
		}
		tensors(g, s.inputs)
	})
	f.Comment("Outputs are the results of one run, row-major. Run keeps slices with enough capacity and makes the others.")
	f.Type().Id("Outputs").StructFunc(func(g *jen.Group) { tensors(g, s.outputs) })
	f.Comment("Kernel is the program, ready to run. Several goroutines may call Run at once.")
	f.Type().Id("Kernel").Struct(
		jen.Id("device").Op("*").Qual(cpuPkg, "Device"),
		jen.Id("program").Op("*").Qual(cpuPkg, "Program"),
	)
}

func tensors(g *jen.Group, fields []field) {
	for _, x := range fields {
		g.Id(x.name).Index().Id(goTypes[x.dtype].name).Comment(x.doc())
	}
}

// ifErr returns result where err is not nil.
func ifErr(result jen.Code) *jen.Statement {
	return jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(result))
}

// newFunc declares New and Close.
func (s signature) newFunc(f *jen.File) {
	f.Comment("New loads the kernels for a number of threads (below 1: all cores). The first time on a machine they")
	f.Comment("are verified against the program; the kernel store remembers it. Close ends the threads.")
	params := []jen.Code{jen.Id("threads").Int()}
	if len(s.weights) > 0 {
		params = append(params, jen.Id("weights").Id("Weights"))
	}
	f.Func().Id("New").Params(params...).Params(jen.Op("*").Id("Kernel"), jen.Error()).BlockFunc(func(g *jen.Group) {
		options := []jen.Code{
			jen.Qual(cpuPkg, "WithVerifier").Call(jen.Id("verified")),
			jen.Qual(cpuPkg, "WithMemory").Call(jen.Id("memory").Call()),
		}
		if len(s.weights) > 0 {
			g.Id("constants").Op(":=").Map(jen.String()).Op("*").Qual(tensorPkg, "Tensor").Values()
			g.Var().Err().Error()
			for _, w := range s.weights {
				shape := []jen.Code{}
				for _, d := range w.shape {
					n, _ := d.Const()
					shape = append(shape, jen.Lit(int(n)))
				}
				g.If(jen.List(jen.Id("constants").Index(jen.Lit(w.ug)), jen.Err()).Op("=").Qual(tensorPkg, "FromSlice").Call(
					jen.Qual(ugraphPkg, goTypes[w.dtype].constant), jen.Index().Int64().Values(shape...), jen.Id("weights").Dot(w.name)),
					jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Nil(), jen.Qual("fmt", "Errorf").Call(jen.Lit("weight "+w.name+": %w"), jen.Err())))
			}
			options = append(options, jen.Qual(cpuPkg, "WithWeights").Call(jen.Id("constants")))
		}
		g.Id("device").Op(":=").Qual(cpuPkg, "New").Call(jen.Id("threads"))
		g.List(jen.Id("program"), jen.Err()).Op(":=").Qual(cpuPkg, "LoadBundle").Call(append([]jen.Code{jen.Id("device"), jen.Id("files")}, options...)...)
		g.If(jen.Err().Op("!=").Nil()).Block(jen.Id("device").Dot("Close").Call(), jen.Return(jen.Nil(), jen.Err()))
		g.Return(jen.Op("&").Id("Kernel").Values(jen.Dict{jen.Id("device"): jen.Id("device"), jen.Id("program"): jen.Id("program")}), jen.Nil())
	})
	f.Comment("Close ends the kernel's threads; no Run may be under way.")
	f.Func().Params(jen.Id("k").Op("*").Id("Kernel")).Id("Close").Params().Block(jen.Id("k").Dot("device").Dot("Close").Call())
}

// runFunc declares Run.
func (s signature) runFunc(f *jen.File) {
	f.Comment("Run computes the outputs of one set of inputs. It is an error if a slice does not have the length of its")
	f.Comment("shape or a size is out of bounds. A cancelled context ends it between two kernels.")
	f.Func().Params(jen.Id("k").Op("*").Id("Kernel")).Id("Run").Params(
		jen.Id("ctx").Qual("context", "Context"), jen.Id("in").Id("Inputs"), jen.Id("out").Op("*").Id("Outputs"),
	).Error().BlockFunc(func(g *jen.Group) {
		sizes := jen.Dict{}
		for _, y := range s.symbols {
			sizes[jen.Lit(y.ug)] = jen.Int64().Parens(jen.Id("in").Dot(y.name))
		}
		g.List(jen.Id("s"), jen.Err()).Op(":=").Id("k").Dot("program").Dot("Slices").Call(jen.Qual(ugraphPkg, "Env").Values(sizes))
		g.Add(ifErr(jen.Err()))
		g.Defer().Id("s").Dot("Release").Call()
		for _, x := range s.inputs {
			g.If(jen.Err().Op(":=").Qual(cpuPkg, "BindInput").Call(jen.Id("s"), jen.Lit(x.ug), jen.Id("in").Dot(x.name)),
				jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Err()))
		}
		for _, x := range s.outputs {
			g.If(jen.Err().Op(":=").Qual(cpuPkg, "BindOutput").Call(jen.Id("s"), jen.Lit(x.ug), jen.Op("&").Id("out").Dot(x.name)),
				jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Err()))
		}
		g.Return(jen.Id("s").Dot("Run").Call(jen.Id("ctx")))
	})
}

// verifyFuncs declares the verifier and the memory that New gives to the loader.
func verifyFuncs(f *jen.File) {
	graph := func() *jen.Statement { return jen.Op("*").Qual(ugraphPkg, "Graph") }
	f.Comment("verified decides whether the bundle's kernels are its program.")
	f.Func().Id("verified").Params(jen.List(jen.Id("program"), jen.Id("graph")).Add(graph())).Error().Block(
		jen.List(jen.Id("r"), jen.Err()).Op(":=").Qual(verifyPkg, "Equal").Call(jen.Qual("context", "Background").Call(), jen.Id("program"), jen.Id("graph"), jen.Qual(verifyPkg, "Options").Values()),
		jen.If(jen.Err().Op("==").Nil().Op("&&").Op("!").Id("r").Dot("Equal")).Block(
			jen.Err().Op("=").Qual("errors", "New").Call(jen.Id("r").Dot("Reason")),
		),
		jen.Return(jen.Err()),
	)
	f.Comment("memory is this machine's kernel store. Where there is none, every New verifies.")
	f.Func().Id("memory").Params().Qual(bundlePkg, "Memory").Block(
		jen.List(jen.Id("dir"), jen.Err()).Op(":=").Qual(storePkg, "DefaultDir").Call(),
		ifErr(jen.Nil()),
		jen.List(jen.Id("s"), jen.Err()).Op(":=").Qual(storePkg, "Open").Call(jen.Id("dir")),
		ifErr(jen.Nil()),
		jen.Return(jen.Id("s")),
	)
}
