using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp
{
    /// <summary>Makers of AdamW.</summary>
    public static partial class torch
    {
        public static partial class optim
        {
            public static AdamW AdamW(IEnumerable<Parameter> parameters, double lr = 0.001, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-08, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static AdamW AdamW(IEnumerable<(string name, Parameter parameter)> parameters, double lr = 0.001, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-08, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters.Select(p => p.parameter), lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static AdamW AdamW(IEnumerable<AdamW.ParamGroup> parameters, double lr = 0.001, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-08, double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Adam with decoupled weight decay, arXiv:1711.05101.</summary>
    public class AdamW : OptimizerHelper
    {
        private readonly Options _defaults;

        public AdamW(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false)
            : this([new ParamGroup { Parameters = parameters }], lr, beta1, beta2, eps, weight_decay, amsgrad, maximize)
        {
        }

        public AdamW(IEnumerable<ParamGroup> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false)
        {
            if (amsgrad)
            {
                throw new NotSupportedException("AdamW(amsgrad: true) is not offered; leave amsgrad false.");
            }

            if (lr < 0 || eps < 0 || weight_decay < 0 || beta1 is < 0 or >= 1 || beta2 is < 0 or >= 1)
            {
                throw new ArgumentException(
                    $"AdamW takes lr, eps and weight_decay >= 0 and betas in [0, 1); given were lr {lr}, beta1 {beta1}, beta2 {beta2}, eps {eps}, weight_decay {weight_decay}.");
            }

            _defaults = new Options { LearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay, maximize = maximize };
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
            options.beta1 ??= _defaults.beta1;
            options.beta2 ??= _defaults.beta2;
            options.eps ??= _defaults.eps;
            options.weight_decay ??= _defaults.weight_decay;
            options.maximize ??= _defaults.maximize;
            options.InitialLearningRate = options.LearningRate.Value;
            param_group.Parameters = param_group.Parameters.ToList();
            base.add_param_group(param_group);
            foreach (Parameter parameter in param_group.Parameters)
            {
                States[parameter] = new State
                {
                    exp_avg = zeros_like(parameter).DetachFromDisposeScope(),
                    exp_avg_sq = zeros_like(parameter).DetachFromDisposeScope(),
                };
            }
        }

        public override Tensor step(Func<Tensor> closure = null) => Step(closure, group =>
        {
            // Parameters without a gradient stand still; those of one age share their bias corrections.
            var ready = group.Parameters
                .Select(p => (Parameter: p, Grad: p.grad, State: (State)States[p]))
                .Where(p => p.Grad is not null)
                .GroupBy(p => p.State.step);
            foreach (var aged in ready.ToList())
            {
                Update((Options)group.Options, [.. aged]);
            }
        });

        protected override void Dispose(bool disposing)
        {
            foreach (OptimizerState state in States.Values)
            {
                ((State)state).Dispose();
            }
        }

        private static void Update(Options options, (Parameter Parameter, Tensor Grad, State State)[] ready)
        {
            Tensor[] weights = ready.Select(r => (Tensor)r.Parameter).ToArray();
            Tensor[] grads = ready.Select(r => r.Grad).ToArray();
            Tensor[] means = ready.Select(r => r.State.exp_avg).ToArray();
            Tensor[] squares = ready.Select(r => r.State.exp_avg_sq).ToArray();
            double beta1 = options.beta1.Value, beta2 = options.beta2.Value, lr = options.LearningRate.Value;
            if (options.maximize.Value)
            {
                grads = Foreach.Neg(grads);
            }

            long step = ++ready[0].State.step;
            foreach ((_, _, State state) in ready)
            {
                state.step = step;
            }

            double correction1 = 1 - Math.Pow(beta1, step), correction2 = 1 - Math.Pow(beta2, step);
            if (options.weight_decay.Value != 0)
            {
                Foreach.Mul(weights, 1 - (lr * options.weight_decay.Value));
            }

            Foreach.Mul(means, beta1);
            Foreach.Add(means, grads, 1 - beta1);
            Foreach.Mul(squares, beta2);
            Foreach.AddCMul(squares, grads, grads, 1 - beta2);
            Tensor[] denominators = Foreach.Sqrt(squares);
            Foreach.Div(denominators, Math.Sqrt(correction2));
            Foreach.Add(denominators, options.eps.Value);
            Foreach.AddCDiv(weights, means, denominators, -lr / correction1);
        }

        /// <summary>Running means of the gradient and of its square.</summary>
        public class State : OptimizerState, IDisposable
        {
            public long step;
            public Tensor exp_avg;
            public Tensor exp_avg_sq;

            public void Dispose()
            {
                exp_avg.Dispose();
                exp_avg_sq.Dispose();
            }

            public override void SaveStateDict(BinaryWriter writer)
            {
                writer.Write(step);
                Write(writer, exp_avg);
                Write(writer, exp_avg_sq);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                step = reader.ReadInt64();
                Read(reader, exp_avg);
                Read(reader, exp_avg_sq);
            }

            public override void LoadStateDict(OptimizerState source)
            {
                var from = (State)source;
                step = from.step;
                using IDisposable off = no_grad();
                exp_avg.copy_(from.exp_avg);
                exp_avg_sq.copy_(from.exp_avg_sq);
            }
        }

        /// <summary>Settings of a group; null takes the optimizer's.</summary>
        public class Options : OptimizerOptions
        {
            public double? beta1;
            public double? beta2;
            public double? weight_decay;
            public double? eps;
            public bool? maximize;

            public override void SaveStateDict(BinaryWriter writer)
            {
                base.SaveStateDict(writer);
                writer.Write(beta1.Value);
                writer.Write(beta2.Value);
                writer.Write(eps.Value);
                writer.Write(weight_decay.Value);
                writer.Write(maximize.Value);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                base.LoadStateDict(reader);
                beta1 = reader.ReadDouble();
                beta2 = reader.ReadDouble();
                eps = reader.ReadDouble();
                weight_decay = reader.ReadDouble();
                maximize = reader.ReadBoolean();
            }

            public override void LoadStateDict(OptimizerOptions source)
            {
                base.LoadStateDict(source);
                var from = (Options)source;
                (beta1, beta2, eps, weight_decay, maximize) = (from.beta1, from.beta2, from.eps, from.weight_decay, from.maximize);
            }
        }

        /// <summary>Parameters with AdamW settings of their own.</summary>
        public class ParamGroup : ParamGroup<Options>
        {
            public ParamGroup()
            {
            }

            public ParamGroup(IEnumerable<Parameter> parameters, Options options)
                : base(parameters, options)
            {
            }

            public ParamGroup(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8, double weight_decay = 0, bool amsgrad = false, bool maximize = false)
                : base(parameters, new Options { LearningRate = lr, beta1 = beta1, beta2 = beta2, eps = eps, weight_decay = weight_decay, maximize = maximize })
            {
                if (amsgrad)
                {
                    throw new NotSupportedException("AdamW(amsgrad: true) is not offered; leave amsgrad false.");
                }
            }
        }
    }
}
