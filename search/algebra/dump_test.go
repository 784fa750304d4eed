package algebra
import ("testing";"context";"fmt")
func TestDump(t *testing.T){
 for _,name:=range []string{"gqa","layer_norm"} {
 d:=liftProgram(t,name)
 var st Stats
 st.Pruned=make([]Count,4)
 c:=newClosure(d,Options{MaxTests:100000}.withDefaults(),&st); c.seed(true); c.run(context.Background())
 fmt.Println(d)
 for i,v:=range c.values { if i<100 {
  s:=""
  for _,e:=range v.edges { s+=fmt.Sprintf(" %v_%x%v",e.op,e.over,e.args)}
  fmt.Println(i,v.axes,v.size,v.leaf!=nil,s)}}
 }
}
