# frozen_string_literal: true

module Jobs
  # Waits its turn.
  class Queue
    attr_reader :name

    def initialize(name, limit: 10)
      @name = name
      @limit = limit
      @jobs = []
    end

    # Adds a job.
    # @param job [Proc] what is to be done
    # @return [Boolean] whether there was room
    def push(job)
      return false if @jobs.size >= @limit

      @jobs << job
      true
    end

    def run
      until @jobs.empty?
        begin
          @jobs.shift.call
        rescue StandardError => e
          warn "#{name}: #{e.message}"
        ensure
          yield self if block_given?
        end
      end
    end

    def self.of(*jobs)
      jobs.each_with_object(new('new')) do |job, queue|
        queue.push(job)
      end
    end

    def to_s
      <<~TEXT
        #{name}
          #{@jobs.size} waiting
      TEXT
    end

    private

    def full?
      @jobs.size == @limit
    end
  end
end
