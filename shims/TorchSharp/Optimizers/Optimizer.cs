using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Optimizers.</summary>
    public static partial class optim
    {
        /// <summary>What a learning-rate schedule reads and sets.</summary>
        public interface ILearningRateController
        {
            double LearningRate { get; set; }

            double InitialLearningRate { get; set; }
        }

        /// <summary>Changes parameters by their gradients.</summary>
        public abstract class Optimizer : IDisposable
        {
            private protected readonly List<ParamGroup> Groups = [];

            private protected Optimizer()
            {
            }

            public virtual IEnumerable<ILearningRateController> ParamGroups => Groups;

            public virtual IEnumerable<Parameter> parameters() => Groups.SelectMany(g => g.Parameters);

            public virtual void add_param_group(ParamGroup param_group) => Groups.Add(param_group);

            public virtual void zero_grad()
            {
                // As in the genuine package the gradients stay allocated, filled with zeros.
                foreach (Parameter parameter in parameters())
                {
                    using Tensor grad = parameter.grad;
                    grad?.zero_();
                }
            }

            public abstract Tensor step(Func<Tensor> closure = null);

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            protected virtual void Dispose(bool disposing)
            {
            }

            /// <summary>A group's settings and each parameter's state, in the order of the parameters.</summary>
            public class StateDictionary
            {
                internal StateDictionary(List<OptimizerOptions> options, List<OptimizerState> state)
                {
                    Options = options;
                    State = state;
                }

                public List<OptimizerOptions> Options { get; private set; }

                public List<OptimizerState> State { get; private set; }
            }
        }
    }
}
