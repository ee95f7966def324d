using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp
{
    /// <summary>Makers of RMSProp.</summary>
    public static partial class torch
    {
        public static partial class optim
        {
            public static RMSProp RMSProp(IEnumerable<Parameter> parameters, double lr = 0.01, double alpha = 0.99, double eps = 1e-08, double weight_decay = 0, double momentum = 0, bool centered = false, bool maximize = false) =>
                new(parameters, lr, alpha, eps, weight_decay, momentum, centered, maximize);

            public static RMSProp RMSProp(IEnumerable<(string name, Parameter parameter)> parameters, double lr = 0.01, double alpha = 0.99, double eps = 1e-08, double weight_decay = 0, double momentum = 0, bool centered = false, bool maximize = false) =>
                new(parameters.Select(p => p.parameter), lr, alpha, eps, weight_decay, momentum, centered, maximize);

            public static RMSProp RMSProp(IEnumerable<RMSProp.ParamGroup> parameters, double lr = 0.01, double alpha = 0.99, double eps = 1e-08, double weight_decay = 0, double momentum = 0, bool centered = false, bool maximize = false) =>
                new(parameters, lr, alpha, eps, weight_decay, momentum, centered, maximize);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Divides each gradient by a running root mean square; Hinton's lecture 6e, with PyTorch's epsilon outside the root.</summary>
    public class RMSProp : OptimizerHelper
    {
        private readonly Options _defaults;

        public RMSProp(IEnumerable<Parameter> parameters, double lr = 1e-3, double alpha = 0.99, double eps = 1e-8, double weight_decay = 0, double momentum = 0.0, bool centered = false, bool maximize = false)
            : this([new ParamGroup { Parameters = parameters }], lr, alpha, eps, weight_decay, momentum, centered, maximize)
        {
        }

        public RMSProp(IEnumerable<ParamGroup> parameters, double lr = 1e-3, double alpha = 0.99, double eps = 1e-8, double weight_decay = 0, double momentum = 0.0, bool centered = false, bool maximize = false)
        {
            if (momentum != 0 || centered)
            {
                throw new NotSupportedException($"RMSProp is offered without momentum and not centered; given were momentum {momentum}, centered {centered}.");
            }

            if (lr < 0 || eps < 0 || weight_decay < 0 || alpha < 0)
            {
                throw new ArgumentException($"RMSProp takes lr, alpha, eps and weight_decay >= 0; given were lr {lr}, alpha {alpha}, eps {eps}, weight_decay {weight_decay}.");
            }

            _defaults = new Options { LearningRate = lr, alpha = alpha, eps = eps, weight_decay = weight_decay, maximize = maximize };
            foreach (ParamGroup group in parameters)
            {
                add_param_group(group);
            }
        }

        public override void add_param_group(Modules.ParamGroup param_group)
        {
            param_group.Options ??= new Options();
            var options = (Options)param_group.Options;
            options.LearningRate ??= _defaults.LearningRate;
            options.alpha ??= _defaults.alpha;
            options.eps ??= _defaults.eps;
            options.weight_decay ??= _defaults.weight_decay;
            options.maximize ??= _defaults.maximize;
            options.InitialLearningRate = options.LearningRate.Value;
            param_group.Parameters = param_group.Parameters.ToList();
            base.add_param_group(param_group);
            foreach (Parameter parameter in param_group.Parameters)
            {
                States[parameter] = new State { square_avg = zeros_like(parameter).DetachFromDisposeScope() };
            }
        }

        public override Tensor step(Func<Tensor> closure = null) => Step(closure, group =>
        {
            var ready = group.Parameters
                .Select(p => (Parameter: p, Grad: p.grad, State: (State)States[p]))
                .Where(p => p.Grad is not null)
                .ToArray();
            if (ready.Length == 0)
            {
                return;
            }

            var options = (Options)group.Options;
            Tensor[] weights = ready.Select(r => (Tensor)r.Parameter).ToArray();
            Tensor[] grads = ready.Select(r => r.Grad).ToArray();
            Tensor[] squares = ready.Select(r => r.State.square_avg).ToArray();
            if (options.maximize.Value)
            {
                grads = Foreach.Neg(grads);
            }

            if (options.weight_decay.Value != 0)
            {
                // An L2 penalty: it joins the gradient, in a copy, for the caller may still read the gradient.
                grads = grads.Select(g => g.clone()).ToArray();
                Foreach.Add(grads, weights, options.weight_decay.Value);
            }

            Foreach.Mul(squares, options.alpha.Value);
            Foreach.AddCMul(squares, grads, grads, 1 - options.alpha.Value);
            Tensor[] denominators = Foreach.Sqrt(squares);
            Foreach.Add(denominators, options.eps.Value);
            Foreach.AddCDiv(weights, grads, denominators, -options.LearningRate.Value);
            foreach ((_, _, State state) in ready)
            {
                state.step++;
            }
        });

        protected override void Dispose(bool disposing)
        {
            foreach (OptimizerState state in States.Values)
            {
                ((State)state).Dispose();
            }
        }

        /// <summary>The running mean of the squared gradient.</summary>
        public class State : OptimizerState, IDisposable
        {
            public long step;
            public Tensor square_avg;

            public void Dispose() => square_avg.Dispose();

            public override void SaveStateDict(BinaryWriter writer)
            {
                writer.Write(step);
                Write(writer, square_avg);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                step = reader.ReadInt64();
                Read(reader, square_avg);
            }

            public override void LoadStateDict(OptimizerState source)
            {
                var from = (State)source;
                step = from.step;
                using IDisposable off = no_grad();
                square_avg.copy_(from.square_avg);
            }
        }

        /// <summary>Settings of a group; null takes the optimizer's.</summary>
        public class Options : OptimizerOptions
        {
            public double? alpha;
            public double? eps;
            public double? weight_decay;
            public bool? maximize;

            public override void SaveStateDict(BinaryWriter writer)
            {
                base.SaveStateDict(writer);
                writer.Write(maximize.Value);
                writer.Write(alpha.Value);
                writer.Write(eps.Value);
                writer.Write(weight_decay.Value);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                base.LoadStateDict(reader);
                maximize = reader.ReadBoolean();
                alpha = reader.ReadDouble();
                eps = reader.ReadDouble();
                weight_decay = reader.ReadDouble();
            }

            public override void LoadStateDict(OptimizerOptions source)
            {
                base.LoadStateDict(source);
                var from = (Options)source;
                (alpha, eps, weight_decay, maximize) = (from.alpha, from.eps, from.weight_decay, from.maximize);
            }
        }

        /// <summary>Parameters with RMSProp settings of their own.</summary>
        public class ParamGroup : ParamGroup<Options>
        {
            public ParamGroup()
            {
            }

            public ParamGroup(IEnumerable<Parameter> parameters, Options options)
                : base(parameters, options)
            {
            }
        }
    }
}
