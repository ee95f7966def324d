using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Reading and writing parts of a tensor.</summary>
    public partial class Tensor
    {
        private static readonly Operator s_select = new("select", "int");
        private static readonly Operator s_slice = new("slice", "Tensor");
        private static readonly Operator s_index = new("index", "Tensor");
        private static readonly Operator s_indexPut = new("index_put_");
        private static readonly Operator s_gather = new("gather");
        private static readonly Operator s_indexSelect = new("index_select");
        private static readonly Operator s_scatter = new("scatter", "src");
        private static readonly Operator s_nonzero = new("nonzero");
        private static readonly Operator s_multinomial = new("multinomial");

        public Tensor this[params TensorIndex[] indices]
        {
            get => Pick(indices);
            set => index_put_(value, indices);
        }

        public Tensor this[params Tensor[] indices]
        {
            get => s_index.Call(this, indices);
            set => index_put_(value, indices);
        }

        public Tensor gather(long dim, Tensor index) => s_gather.Call(this, dim, index);

        public Tensor index_select(long dim, Tensor index) => s_indexSelect.Call(this, dim, index);

        public Tensor scatter(long dim, Tensor index, Tensor src) => s_scatter.Call(this, dim, index, src);

        public Tensor nonzero() => s_nonzero.Call(this);

        public Tensor multinomial(long num_samples, bool replacement = false, Generator generator = null) =>
            s_multinomial.Call(this, num_samples, replacement, generator);

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => Put(value, indices, false);

        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false) => Put(value, indices, accumulate);

        public Tensor index_put_(Tensor value, params Tensor[] indices) => InPlace(s_indexPut, this, indices, value, false);

        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) => InPlace(s_indexPut, this, indices, value, accumulate);

        private Tensor Put(Tensor value, TensorIndex[] indices, bool accumulate)
        {
            (Tensor view, Tensor[] chosen) = View(indices);
            if (chosen.Length == 0 && accumulate)
            {
                view.add_(value);
            }
            else if (chosen.Length == 0)
            {
                view.copy_(value);
            }
            else
            {
                s_indexPut.CallInPlace(view, chosen, value, accumulate);
            }

            if (view != this)
            {
                view.Dispose();
            }

            return this;
        }

        private Tensor Pick(TensorIndex[] indices)
        {
            (Tensor view, Tensor[] chosen) = View(indices);
            if (chosen.Length == 0)
            {
                return view == this ? s_slice.Call(this, 0L) : view;
            }

            Tensor picked = s_index.Call(view, chosen);
            if (view != this)
            {
                view.Dispose();
            }

            return picked;
        }

        /// <summary>Applies numbers, slices and new axes as views; gives back the tensors left to index with, in the view's dimensions.</summary>
        private (Tensor View, Tensor[] Chosen) View(TensorIndex[] indices)
        {
            Tensor view = this;
            var chosen = new List<Tensor>();
            int at = 0;
            foreach (TensorIndex index in indices)
            {
                Tensor next = view;
                switch (index.Kind)
                {
                    case TensorIndex.Form.Single:
                        next = s_select.Call(view, at, index.First);
                        break;
                    case TensorIndex.Form.NewAxis:
                        next = view.unsqueeze(at++);
                        break;
                    case TensorIndex.Form.Ellipsis:
                        int named = indices.Count(i => i.Kind is not (TensorIndex.Form.Ellipsis or TensorIndex.Form.NewAxis));
                        at += (int)dim() - named;
                        break;
                    case TensorIndex.Form.Tensor:
                        Extend(chosen, at)[at++] = index.Chosen;
                        break;
                    default:
                        next = Slice(view, at++, index);
                        break;
                }

                if (next != view && view != this)
                {
                    view.Dispose();
                }

                view = next;
            }

            return (view, chosen.ToArray());
        }

        private static Tensor Slice(Tensor view, int at, TensorIndex index) =>
            index is { First: null, Stop: null, Step: null } ? view : s_slice.Call(view, at, index.First, index.Stop, index.Step ?? 1);

        private static List<Tensor> Extend(List<Tensor> chosen, int last)
        {
            while (chosen.Count <= last)
            {
                chosen.Add(null);
            }

            return chosen;
        }
    }
}
