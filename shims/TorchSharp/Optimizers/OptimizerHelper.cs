using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp.Modules;

/// <summary>State of optimizers: per parameter, saved and restored exactly (save_state_dict and load_state_dict, as in the genuine package).</summary>
public abstract class OptimizerHelper : Optimizer
{
    private protected readonly Dictionary<Parameter, OptimizerState> States = new(ReferenceEqualityComparer.Instance);

    public virtual StateDictionary state_dict() => new(
        Groups.Select(g => g.Options).ToList(),
        parameters().Select(p => States[p]).ToList());

    public virtual void load_state_dict(StateDictionary state_dict)
    {
        StateDictionary own = this.state_dict();
        Compare(own, state_dict.Options.Count, state_dict.State.Count);
        for (int i = 0; i < own.Options.Count; i++)
        {
            own.Options[i].LoadStateDict(state_dict.Options[i]);
        }

        for (int i = 0; i < own.State.Count; i++)
        {
            own.State[i].LoadStateDict(state_dict.State[i]);
        }
    }

    public void save_state_dict(string location)
    {
        using var writer = new BinaryWriter(File.Create(location));
        save_state_dict(writer);
    }

    public void load_state_dict(string location)
    {
        using var reader = new BinaryReader(File.OpenRead(location));
        load_state_dict(reader);
    }

    public void save_state_dict(BinaryWriter writer)
    {
        StateDictionary own = state_dict();
        writer.Write(GetType().Name);
        writer.Write(own.Options.Count);
        writer.Write(own.State.Count);
        own.Options.ForEach(o => o.SaveStateDict(writer));
        own.State.ForEach(s => s.SaveStateDict(writer));
    }

    public void load_state_dict(BinaryReader reader)
    {
        string name = reader.ReadString();
        if (name != GetType().Name)
        {
            throw new InvalidDataException($"Mismatched optimizer type: expected '{GetType().Name}', but found '{name}' in the loaded stream.");
        }

        StateDictionary own = state_dict();
        Compare(own, reader.ReadInt32(), reader.ReadInt32());
        own.Options.ForEach(o => o.LoadStateDict(reader));
        own.State.ForEach(s => s.LoadStateDict(reader));
    }

    /// <summary>Runs the closure with gradients on, then the step with gradients off.</summary>
    private protected Tensor Step(Func<Tensor> closure, Action<ParamGroup> body)
    {
        Tensor loss = null;
        if (closure is not null)
        {
            using IDisposable on = enable_grad();
            loss = closure();
        }

        using IDisposable off = no_grad();
        foreach (ParamGroup group in Groups)
        {
            using DisposeScope scope = NewDisposeScope();
            body(group);
        }

        return loss;
    }

    private static void Compare(StateDictionary own, int groups, int states)
    {
        if (own.Options.Count != groups || own.State.Count != states)
        {
            throw new ArgumentException(
                $"Invalid optimizer state: it has {groups} parameter groups and {states} states, this optimizer {own.Options.Count} and {own.State.Count}.");
        }
    }
}

/// <summary>A parameter group's settings.</summary>
public class OptimizerOptions
{
    public double? LearningRate { get; set; }

    public double InitialLearningRate { get; set; }

    public virtual void SaveStateDict(BinaryWriter writer)
    {
        writer.Write(InitialLearningRate);
        writer.Write(LearningRate.Value);
    }

    public virtual void LoadStateDict(BinaryReader reader)
    {
        InitialLearningRate = reader.ReadDouble();
        LearningRate = reader.ReadDouble();
    }

    public virtual void LoadStateDict(OptimizerOptions source)
    {
        InitialLearningRate = source.InitialLearningRate;
        LearningRate = source.LearningRate;
    }
}

/// <summary>What an optimizer remembers of one parameter.</summary>
public abstract class OptimizerState
{
    public abstract void SaveStateDict(BinaryWriter writer);

    public abstract void LoadStateDict(BinaryReader reader);

    public abstract void LoadStateDict(OptimizerState source);

    private protected static void Write(BinaryWriter writer, Tensor tensor)
    {
        using Tensor local = tensor.cpu();
        using Tensor packed = local.contiguous();
        writer.Write((long)packed.bytes.Length);
        writer.Write(packed.bytes);
    }

    private protected static void Read(BinaryReader reader, Tensor target)
    {
        long length = reader.ReadInt64();
        using IDisposable off = no_grad();
        using Tensor values = empty(target.shape, target.dtype);
        if (length != values.bytes.Length)
        {
            throw new InvalidDataException($"Invalid optimizer state: a tensor of {length} bytes was found where {values.bytes.Length} belong.");
        }

        reader.BaseStream.ReadExactly(values.bytes);
        target.copy_(values);
    }
}

/// <summary>Parameters trained with the same settings.</summary>
public class ParamGroup : ILearningRateController
{
    public IEnumerable<Parameter> Parameters { get; set; }

    public OptimizerOptions Options { get; set; }

    public double LearningRate
    {
        get => Options.LearningRate.Value;
        set => Options.LearningRate = value;
    }

    public double InitialLearningRate
    {
        get => Options.InitialLearningRate;
        set => Options.InitialLearningRate = value;
    }
}

/// <summary>A parameter group whose settings have a type.</summary>
public class ParamGroup<TOptions> : ParamGroup where TOptions : OptimizerOptions
{
    public ParamGroup()
    {
    }

    public ParamGroup(IEnumerable<Parameter> parameters, TOptions options = null)
    {
        Parameters = parameters;
        base.Options = options;
    }

    public new TOptions Options
    {
        get => (TOptions)base.Options;
        set => base.Options = value;
    }
}
